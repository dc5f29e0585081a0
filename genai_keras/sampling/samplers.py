"""Choosing the next token: each sampler takes logits and returns logits of a narrower choice.

They can be combined: `sample(keep_top_k(temper(logits, 0.8), 40), seed)`. An excluded token has a
logit of minus infinity.
"""

import tensorflow as tf
from keras import ops

COLDEST = 1e-4  # temperature below which logits would overflow


def temper(logits, temperature):
    """Divides the logits by a temperature: below 1, likely tokens become even more likely.

    Args:
        logits: `(batch, vocabulary)`.
        temperature: > 0; in the limit of 0, only the most likely token remains, as in `greedy`.
    """
    return logits / temperature


def keep_top_k(logits, k):
    """Keeps the k most likely tokens; among equal ones, those that come first.

    Args:
        logits: `(batch, vocabulary)`.
        k: at least 1; if there are fewer tokens, all are kept.

    Reference: Fan et al. 2018, https://arxiv.org/abs/1805.04833
    """
    return ops.where(_ranks(logits) < k, logits, -float("inf"))


def keep_top_p(logits, p):
    """Keeps the nucleus: the fewest most likely tokens whose total probability reaches p.

    Args:
        logits: `(batch, vocabulary)`.
        p: 0 < p <= 1; the most likely token is always kept.

    Reference: Holtzman et al. 2020, https://arxiv.org/abs/1904.09751
    """
    ranks = _ranks(logits)
    order = ops.argsort(ranks, axis=-1)  # token ids, most likely first
    probabilities = ops.take_along_axis(ops.softmax(logits), order, axis=-1)
    before = ops.cumsum(probabilities, axis=-1) - probabilities  # total of the more likely ones
    kept = ops.take_along_axis(before, ranks, axis=-1) < p
    return ops.where(ops.logical_or(kept, ranks == 0), logits, -float("inf"))


def sample(logits, seed):
    """Samples a token for each row from its softmax.

    Args:
        logits: `(batch, vocabulary)`.
        seed: a pair of integers; the same pair gives the same tokens.

    Returns:
        `(batch,)` int32.
    """
    return tf.random.stateless_categorical(logits, 1, seed, dtype="int32")[:, 0]


def greedy(logits):
    """The most likely token of each row, `(batch,)` int32."""
    return ops.cast(ops.argmax(logits, axis=-1), "int32")


def choose(logits, seed, temperature=1.0, top_k=None, top_p=None):
    """The next token of each row, `(batch,)` int32.

    Args:
        logits: `(batch, vocabulary)`.
        seed: a pair of integers, as in `sample`.
        temperature: as in `temper`; None takes the most likely token.
        top_k: as in `keep_top_k`; None keeps all.
        top_p: as in `keep_top_p`; None keeps all.
    """
    if temperature is None:
        return greedy(logits)
    logits = temper(logits, temperature)
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    if top_p is not None:
        logits = keep_top_p(logits, top_p)
    return sample(logits, seed)


def _ranks(logits):
    """0 for the most likely token of a row, 1 for the next, ...; equal ones in their order."""
    order = tf.argsort(-logits, axis=-1, stable=True)
    return tf.argsort(order, axis=-1)
