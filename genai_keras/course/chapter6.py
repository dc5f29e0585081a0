"""Chapter 6, a decoder that writes."""

import numpy as np
from keras import ops

from genai_keras import losses
from genai_keras.course import chapter6_cases as of
from genai_keras.course.marking import Exercise
from genai_keras.sampling import samplers
from genai_keras.sampling.continuation import context_start


def inputs_and_targets(tokens):
    """The tokens that a decoder reads, and the next token that it must predict at each position."""
    return tokens[:, :-1], tokens[:, 1:]


def next_token_loss(logits, targets):
    """-log p(target) in nats, the mean over all positions of the batch."""
    return ops.mean(losses.cross_entropy(targets, logits))


def last_context(tokens, context_length):
    """The last tokens of each text, as many as fit."""
    return tokens[:, max(tokens.shape[1] - context_length, 0) :]


def softmax_with_temperature(logits, temperature):
    """The softmax of logits / temperature."""
    return ops.softmax(samplers.temper(logits, temperature), axis=-1)


def top_p(probabilities, p):
    """The fewest most likely tokens whose probability reaches p, renormalized; the others get 0."""
    # Like `samplers.keep_top_p`, but without logits: exact if the sum is exactly p.
    kept = of.mass_before(probabilities) < p
    return np.where(kept, probabilities, 0.0) / probabilities[kept].sum()


EXERCISES = (
    Exercise(
        inputs_and_targets,
        of.texts,
        {
            "inputs and targets are the same: the target is the next token, one position later": (
                lambda t: (t[:, :-1], t[:, :-1])
            ),
            "nothing is shifted: inputs go without the last token, targets without the first": (
                lambda t: (t, t)
            ),
            "inputs and targets are swapped: the target is the token after the input": (
                lambda t: (t[:, 1:], t[:, :-1])
            ),
            "np.roll moves the first token to the end: leave out the last position": lambda t: (
                t,
                np.roll(t, -1, axis=1),
            ),
            "this shifts by one text: a text is a row, so shift by one column": lambda t: (
                t[:-1],
                t[1:],
            ),
            "the shift is two positions: the target is the token right after its input": lambda t: (
                t[:, :-2],
                t[:, 2:],
            ),
            "the last target is invented: the last token has no next one, so leave it out": (
                lambda t: (t, np.pad(t[:, 1:], ((0, 0), (0, 1))))
            ),
            "the first input is invented: there is no start token here": lambda t: (
                np.pad(t[:, :-1], ((0, 0), (1, 0))),
                t,
            ),
        },
    ),
    Exercise(
        next_token_loss,
        of.predictions,
        {
            "exp of a large logit overflows to nan: subtract the maximum of the row before exp": (
                lambda z, t: np.mean(of.nats(of.naive_log_softmax(z), t))
            ),
            "the log of a softmax can be infinite: logit - logsumexp stays finite": (
                lambda z, t: np.mean(of.nats(np.log(of.softmax(z)), t))
            ),
            "this is the sum: take the mean over all positions": lambda z, t: np.sum(
                of.nats(of.log_softmax(z), t)
            ),
            "this is one number per position: take the mean of all": lambda z, t: of.nats(
                of.log_softmax(z), t
            ),
            "this is one number per text: also take the mean over the batch": lambda z, t: np.mean(
                of.nats(of.log_softmax(z), t), axis=1
            ),
            "this also averages over the vocabulary: at each position only log p(target) counts": (
                lambda z, t: np.mean(of.nats(of.log_softmax(z), t)) / z.shape[-1]
            ),
            "this is the mean of log p: the loss is its negative": lambda z, t: (
                -np.mean(of.nats(of.log_softmax(z), t))
            ),
            "the softmax is over the positions: it is over the vocabulary, axis=-1": lambda z, t: (
                np.mean(of.nats(of.log_softmax(z, axis=1), t))
            ),
            "the softmax is over the whole array: give it axis=-1": lambda z, t: np.mean(
                of.nats(of.log_softmax(z, axis=(0, 1, 2)), t)
            ),
        },
    ),
    Exercise(
        last_context,
        of.long_and_short,
        {
            "these are the first tokens: the next token depends on the last ones": lambda t, w: t[
                :, :w
            ],
            "these are the last texts: a text is a row, so take its last columns": lambda t, w: t[
                -w:
            ],
            "one token too few: return as many as fit": lambda t, w: t[:, -(w - 1) :],
            "one token more than fits: return as many as fit": lambda t, w: t[:, -(w + 1) :],
            "the last token is missing: it matters most for the next one": lambda t, w: t[
                :, max(t.shape[1] - w - 1, 0) : -1
            ],
            "a short text is cut: its start is negative, which counts from the end": (
                lambda t, w: t[:, t.shape[1] - w :]
            ),
            "a short text is padded: return it unchanged": lambda t, w: np.pad(
                t[:, -w:], ((0, 0), (max(w - t.shape[1], 0), 0))
            ),
            "the order is reversed: the last token should stay last": lambda t, w: t[:, ::-1][
                :, :w
            ],
            "the context moves by halves, as in the package: here it should move by one token": (
                lambda t, w: t[:, int(context_start(t.shape[1], w)) :]
            ),
        },
    ),
    Exercise(
        softmax_with_temperature,
        of.scores,
        {
            "exp of a large number overflows: first subtract the maximum of the row": lambda z, c: (
                of.naive_softmax(z / c)
            ),
            "the logits are multiplied by the temperature: divide them by it": (
                lambda z, c: of.softmax(z * c)
            ),
            "the temperature has no effect: divide the logits by it": lambda z, c: of.softmax(z),
            "the probabilities are divided by the temperature: divide the logits": lambda z, c: (
                of.softmax(z) / c
            ),
            "this is a softmax of a softmax: divide the logits, not their softmax": lambda z, c: (
                of.softmax(of.softmax(z) / c)
            ),
            "these are the logits: take their softmax": lambda z, c: z / c,
            "these are logarithms: take exp of them": lambda z, c: of.log_softmax(z / c),
            "the softmax is over the batch: it is over the vocabulary, axis=-1": lambda z, c: (
                of.softmax(z / c, axis=0)
            ),
            "the softmax is over the whole array: give it axis=-1": lambda z, c: of.softmax(
                z / c, axis=(0, 1)
            ),
        },
    ),
    Exercise(
        top_p,
        of.distributions,
        {
            "not renormalized: divide by the sum of the probabilities that are kept": lambda q, p: (
                np.where(of.mass_before(q) < p, q, 0)
            ),
            "divided by p: divide by the sum of those that are kept, which may be larger": (
                lambda q, p: np.where(of.mass_before(q) < p, q, 0) / p
            ),
            "this is a softmax of probabilities: divide them by their sum": lambda q, p: of.softmax(
                np.where(of.mass_before(q) < p, q, -np.inf)
            ),
            "p is not reached: also keep the token with which the sum reaches p": lambda q, p: (
                of.only(q, of.mass_before(q) + q <= p)
            ),
            "p is not reached, even if the sum is exactly p: also keep the token that reaches it": (
                lambda q, p: of.only(q, of.mass_before(q) + q < p)
            ),
            "one token too many if the sum is exactly p: then p is already reached": lambda q, p: (
                of.only(q, of.mass_before(q) <= p)
            ),
            "the tokens are taken in the order of the vocabulary: begin with the most likely": (
                lambda q, p: of.only(q, of.mass_before(q, np.arange(len(q))) < p)
            ),
            "the least likely tokens come first: begin with the most likely": lambda q, p: of.only(
                q, of.mass_before(q, np.argsort(q)) < p
            ),
            "the result is sorted by probability: each token must keep its place": (
                lambda q, p: -np.sort(-of.only(q, of.mass_before(q) < p))
            ),
        },
    ),
)
