"""Wrong answers to chapter 6 as learners give them, each with a part of the hint it should get."""

import math

import keras
import numpy as np
from keras import ops
from scipy import special


def log_of_softmax(logits, targets):
    probabilities = ops.softmax(logits, axis=-1)
    one_hot = ops.one_hot(targets, logits.shape[-1])
    return -ops.mean(ops.log(ops.sum(probabilities * one_hot, axis=-1)))


def overflowing(logits, targets):
    total, count = 0.0, 0
    for row, wanted in zip(logits, targets, strict=True):
        for scores, token in zip(row, wanted, strict=True):
            p = np.exp(scores) / np.exp(scores).sum()
            total -= np.log(p[token])
            count += 1
    return total / count


def log_sum_exp_by_hand(logits, targets):
    batch, length, _ = logits.shape
    losses = np.log(np.exp(logits.astype("float64")).sum(-1))
    for b in range(batch):
        for i in range(length):
            losses[b, i] -= logits[b, i, targets[b, i]]
    return losses.mean()


def added_up(logits, targets):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    return loss(targets, logits)


def fill_up(tokens, context_length):
    padded = np.zeros((len(tokens), context_length), tokens.dtype)
    seen = min(context_length, tokens.shape[1])
    padded[:, context_length - seen :] = tokens[:, tokens.shape[1] - seen :]
    return padded


def text_by_text(tokens, context_length):
    return np.array([list(text)[len(text) - context_length :] for text in tokens])


def nucleus(probabilities, p, enough):
    """Takes tokens, likeliest first, while `enough` says that the next one still fits."""
    result, mass = np.zeros(len(probabilities)), 0.0
    for token in sorted(range(len(probabilities)), key=lambda each: -probabilities[each]):
        if not enough(mass, probabilities[token], p):
            break
        mass += probabilities[token]
        result[token] = probabilities[token]
    return result / mass


def without_the_last(probabilities, p):
    order = np.argsort(probabilities)[::-1]
    kept = order[np.cumsum(probabilities[order]) < p]
    result = np.zeros_like(probabilities)
    result[kept] = probabilities[kept]
    return result / result.sum()


def forgot_to_divide(probabilities, p):
    order = np.argsort(probabilities)[::-1]
    tokens = np.searchsorted(np.cumsum(probabilities[order]), p) + 1
    result = probabilities.copy()
    result[order[tokens:]] = 0
    return result


def by_position(probabilities, p):
    mass = np.cumsum(probabilities)
    tokens = int(np.sum(mass < p)) + 1
    result = np.where(np.arange(len(probabilities)) < tokens, probabilities, 0)
    return result / np.sum(result)


def sorted_for_good(probabilities, p):
    likeliest = sorted(probabilities, reverse=True)
    kept, mass = [], 0.0
    while mass < p:
        kept.append(likeliest[len(kept)])
        mass += kept[-1]
    zeros = [0.0] * (len(probabilities) - len(kept))
    return np.array([each / mass for each in kept] + zeros)


WRONG = (
    ("inputs_and_targets", "are the same", lambda tokens: (tokens[:, :-1],) * 2),
    ("inputs_and_targets", "nothing is shifted", lambda tokens: [tokens, tokens.copy()]),
    (
        "inputs_and_targets",
        "inputs and targets are swapped",
        lambda tokens: (tokens[..., 1:], tokens[..., :-1]),
    ),
    ("inputs_and_targets", "np.roll", lambda tokens: (tokens, ops.roll(tokens, -1, axis=1))),
    ("inputs_and_targets", "a text is a row", lambda tokens: np.stack([tokens[:-1], tokens[1:]])),
    ("next_token_loss", "the log of a softmax can be infinite", log_of_softmax),
    ("next_token_loss", "the log of a softmax can be infinite", log_sum_exp_by_hand),
    ("next_token_loss", "overflows to nan", overflowing),
    ("next_token_loss", "the sum: take the mean", added_up),
    (
        "next_token_loss",
        "this is one number per position",
        lambda logits, targets: ops.sparse_categorical_crossentropy(targets, logits, True),
    ),
    (
        "next_token_loss",
        "this also averages over the vocabulary",
        lambda logits, targets: (
            -np.mean(np.eye(logits.shape[-1])[targets] * special.log_softmax(logits, axis=-1))
        ),
    ),
    (
        "next_token_loss",
        "over the whole array",
        lambda logits, targets: (
            -np.mean(
                np.sum(np.eye(logits.shape[-1])[targets] * special.log_softmax(logits), axis=-1)
            )
        ),
    ),
    (
        "last_context",
        "the first tokens",
        lambda tokens, length: ops.array(tokens)[:, :length],
    ),
    ("last_context", "the last texts", lambda tokens, length: tokens[-length:]),
    ("last_context", "a short text is cut", text_by_text),
    ("last_context", "a short text is padded", fill_up),
    (
        "last_context",
        "the last token is missing",
        lambda tokens, length: tokens[:, :-1][:, -length:],
    ),
    (
        "softmax_with_temperature",
        "multiplied by the temperature",
        lambda logits, temperature: ops.softmax(temperature * logits),
    ),
    (
        "softmax_with_temperature",
        "probabilities are divided",
        lambda logits, temperature: special.softmax(logits, axis=1) / temperature,
    ),
    (
        "softmax_with_temperature",
        "overflows",
        lambda logits, temperature: np.array(
            [[math.e**each / sum(math.e**row) for each in row] for row in logits / temperature]
        ),
    ),
    (
        "softmax_with_temperature",
        "over the whole array",
        lambda logits, temperature: special.softmax(logits / temperature),
    ),
    ("top_p", "not renormalized", forgot_to_divide),
    ("top_p", "p is not reached, even if the sum is exactly p", without_the_last),
    (
        "top_p",
        "p is not reached: ",
        lambda probabilities, p: nucleus(probabilities, p, lambda mass, next, p: mass + next <= p),
    ),
    (
        "top_p",
        "one token too many if the sum is exactly p",
        lambda probabilities, p: nucleus(probabilities, p, lambda mass, next, p: mass <= p),
    ),
    ("top_p", "order of the vocabulary", by_position),
    ("top_p", "the result is sorted by probability", sorted_for_good),
)
