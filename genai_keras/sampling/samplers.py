"""How the next token is chosen: each sampler takes logits, and gives logits of a narrower choice.

They compose: `sample(keep_top_k(temper(logits, 0.8), 40), seed)`. A token that is out has a logit
of minus infinity.
"""

import tensorflow as tf
from keras import ops

COLDEST = 1e-4  # temperature, below which logits would overflow


def temper(logits, temperature):
    """Divides the logits by a temperature: below 1 likely tokens become likelier still.

    Args:
        logits: `(batch, vocabulary)`.
        temperature: > 0; in the limit of 0 only the likeliest is left, which `greedy` does.
    """
    return logits / temperature


def keep_top_k(logits, k):
    """Keeps the k likeliest tokens, and of equal ones those that come first.

    Args:
        logits: `(batch, vocabulary)`.
        k: at least 1; all are kept if there are fewer.

    Reference: Fan et al. 2018, https://arxiv.org/abs/1805.04833
    """
    return ops.where(_ranks(logits) < k, logits, -float("inf"))


def keep_top_p(logits, p):
    """Keeps the nucleus: the fewest tokens, likeliest first, whose probabilities reach p together.

    Args:
        logits: `(batch, vocabulary)`.
        p: 0 < p <= 1; the likeliest token is always kept.

    Reference: Holtzman et al. 2020, https://arxiv.org/abs/1904.09751
    """
    ranks = _ranks(logits)
    order = ops.argsort(ranks, axis=-1)  # token ids, likeliest first
    probabilities = ops.take_along_axis(ops.softmax(logits), order, axis=-1)
    before = ops.cumsum(probabilities, axis=-1) - probabilities  # mass of the likelier ones
    kept = ops.take_along_axis(before, ranks, axis=-1) < p
    return ops.where(ops.logical_or(kept, ranks == 0), logits, -float("inf"))


def sample(logits, seed):
    """Draws a token of each row from its softmax.

    Args:
        logits: `(batch, vocabulary)`.
        seed: a pair of integers; the same pair draws the same tokens.

    Returns:
        `(batch,)` int32.
    """
    return tf.random.stateless_categorical(logits, 1, seed, dtype="int32")[:, 0]


def greedy(logits):
    """The likeliest token of each row, `(batch,)` int32."""
    return ops.cast(ops.argmax(logits, axis=-1), "int32")


def choose(logits, seed, temperature=1.0, top_k=None, top_p=None):
    """The next token of each row, `(batch,)` int32.

    Args:
        logits: `(batch, vocabulary)`.
        seed: a pair of integers, as of `sample`.
        temperature: as of `temper`; None takes the likeliest token.
        top_k: as of `keep_top_k`; None keeps all.
        top_p: as of `keep_top_p`; None keeps all.
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
    """0 for the likeliest token of a row, 1 for the next, ...; equal ones in their order."""
    order = tf.argsort(-logits, axis=-1, stable=True)
    return tf.argsort(order, axis=-1)
