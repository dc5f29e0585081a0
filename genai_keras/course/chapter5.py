"""Chapter 5, attention."""

import numpy as np
from keras import ops

from genai_keras.course import chapter5_cases as of
from genai_keras.course.marking import Exercise
from genai_keras.layers import attention, positions


def causal_mask(length):
    """Which key (column) each query (row) may look at: `(length, length)` bool."""
    return attention.make_attention_mask(length, length, causal=True)[0, 0]


def scaled_dot_product_attention(query, key, value, mask):
    """softmax(Q K^T / sqrt(width)) V, over the keys that the mask allows."""
    query, key, value = query[:, None], key[:, None], value[:, None]  # a single head
    scores = attention.attention_scores(query / np.sqrt(query.shape[-1]).astype("float32"), key)
    return attention.weighted_values(attention.attention_weights(scores, mask), value)[:, 0]


def sinusoidal_positions(length, width):
    """sin(position / 10000^(2i / width)) in column 2i, its cosine in column 2i + 1."""
    return positions.sinusoids(length, width)


def layer_normalization(x, gamma, beta, epsilon):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, with the moments of the last axis."""
    return ops.layer_normalization(x, gamma, beta, axis=-1, epsilon=epsilon)


def split_heads(x, num_heads):
    """`(batch, length, width)` as `(batch, heads, length, width / heads)`."""
    batch, length, width = x.shape
    return x.reshape(batch, length, num_heads, width // num_heads).transpose(0, 2, 1, 3)


EXERCISES = (
    Exercise(
        causal_mask,
        of.lengths,
        {
            "this is transposed: rows are queries, so query i sees the columns up to i, the lower "
            "triangle": lambda n: np.triu(np.ones((n, n), bool)),
            "the mask is inverted: True means that a query may look, not that it may not": (
                lambda n: np.triu(np.ones((n, n), bool), 1)
            ),
            "the diagonal is missing: a query also sees the key at its own position": lambda n: (
                np.tril(np.ones((n, n), bool), -1)
            ),
            "one key too many: the next token is what the model has to predict": lambda n: np.tril(
                np.ones((n, n), bool), 1
            ),
            "every query sees every key: those after its own position must be False": lambda n: (
                np.ones((n, n), bool)
            ),
            "a query sees nothing but itself: the keys before it must be True, too": lambda n: (
                np.eye(n, dtype=bool)
            ),
            "this mask of 0 and minus infinity is added to scores: return True and False": (
                lambda n: np.where(np.tri(n), 0.0, -np.inf)
            ),
            "this mask of 0 and -1e9 is added to scores: return True and False": lambda n: np.where(
                np.tri(n), 0.0, -1e9
            ),
        },
    ),
    Exercise(
        scaled_dot_product_attention,
        of.queries,
        {
            "exp of large scores overflows: first subtract the maximum of each row": (
                of.naive_attention
            ),
            "the scores are not scaled: divide them by the root of the width": lambda q, k, v, m: (
                of.attend(q @ k.transpose(0, 2, 1), v, m)
            ),
            "the scores are divided by the width: divide them by its root": lambda q, k, v, m: (
                of.attend(q @ k.transpose(0, 2, 1) / q.shape[-1], v, m)
            ),
            "the softmax is over the queries: the weights of a query must add up to 1, axis=-1": (
                lambda q, k, v, m: of.attend(of.scores(q, k), v, m, axis=1)
            ),
            "the mask has no effect: set masked scores to minus infinity": lambda q, k, v, m: (
                of.softmax(of.scores(q, k)) @ v
            ),
            "the mask is inverted: True means that a query may look": (
                lambda q, k, v, m: of.attend(of.scores(q, k), v, ~m)
            ),
            "the mask is transposed: its rows are queries": lambda q, k, v, m: of.attend(
                of.scores(q, k), v, m.T
            ),
            "masked after the softmax, so the weights no longer add up to 1: mask the scores": (
                lambda q, k, v, m: (of.softmax(of.scores(q, k)) * m) @ v
            ),
            "masked scores are set to 0, but exp(0) is 1: set them to minus infinity": (
                lambda q, k, v, m: of.softmax(of.scores(q, k) * m) @ v
            ),
        },
    ),
    Exercise(
        sinusoidal_positions,
        of.shapes_of_positions,
        {
            "sine and cosine are swapped: the sine is in the even columns": lambda n, w: of.table(
                n, of.pairs(w), np.cos, np.sin
            ),
            "all sines are to the left of the cosines: here they alternate": lambda n, w: (
                np.concatenate(
                    [of.table(n, of.pairs(w))[:, 0::2], of.table(n, of.pairs(w))[:, 1::2]], axis=1
                )
            ),
            "the exponent of a cosine is (2i + 1) / width: use that of its sine, 2i / width": (
                lambda n, w: of.table(n, np.arange(w) / w)
            ),
            "the exponent is 2 column / width: in the columns 2i and 2i + 1 it is 2i / width": (
                lambda n, w: of.table(n, 2 * np.arange(w) / w)
            ),
            "the exponent is i / width: the 2 of 2i is missing": lambda n, w: of.table(
                n, of.pairs(w) / 2
            ),
            "the position is multiplied by 10000^(2i / width): divide by it": lambda n, w: of.table(
                n, -of.pairs(w)
            ),
            "every column is a sine: the odd ones are cosines": lambda n, w: of.table(
                n, of.pairs(w), np.sin, np.sin
            ),
            "the positions begin with 1: the first must be 0": lambda n, w: of.table(
                n, of.pairs(w), first=1
            ),
            "these are the angles: take their sines and cosines": lambda n, w: of.table(
                n, of.pairs(w), np.positive, np.positive
            ),
        },
    ),
    Exercise(
        layer_normalization,
        of.activations,
        {
            "the variance is divided by width - 1: it is the mean of the squares, ddof=0": (
                lambda x, g, b, e: of.normalized(x, g, b, e, ddof=1)
            ),
            "epsilon is added to the deviation: add it to the variance, under the root": (
                lambda x, g, b, e: (
                    g * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + e) + b
                )
            ),
            "epsilon has no effect: add it to the variance": lambda x, g, b, e: of.normalized(
                x, g, b, 0
            ),
            "divided by the variance: take the root of variance + epsilon": lambda x, g, b, e: (
                g * (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + e) + b
            ),
            "the moments are those of the batch (axis=0), as in batch normalization: use axis=-1": (
                lambda x, g, b, e: of.normalized(x, g, b, e, axis=0)
            ),
            "the moments are those over positions (axis=1): each position has its own, axis=-1": (
                lambda x, g, b, e: of.normalized(x, g, b, e, axis=1)
            ),
            "these moments are of the whole array: each position has its own (axis=-1, keepdims)": (
                lambda x, g, b, e: of.normalized(x, g, b, e, axis=(0, 1, 2))
            ),
            "gamma and beta have no effect: multiply by gamma, then add beta": lambda x, g, b, e: (
                of.normalized(x, 1, 0, e)
            ),
            "gamma and beta are swapped: multiply by gamma, add beta": lambda x, g, b, e: (
                of.normalized(x, b, g, e)
            ),
        },
    ),
    Exercise(
        split_heads,
        of.to_be_split,
        {
            "one reshape mixes positions: first reshape to (batch, length, heads, width / heads), "
            "then transpose": lambda x, h: of.split_as(x, h, "bhld", (0, 1, 2, 3)),
            "the heads are not yet before the positions: transpose": lambda x, h: of.split_as(
                x, h, "blhd", (0, 1, 2, 3)
            ),
            "the heads take features in turn: each should take neighbouring ones": lambda x, h: (
                of.split_as(x, h, "bldh", (0, 3, 1, 2))
            ),
            "the last two axes are swapped: position comes first, then feature": lambda x, h: (
                of.split_as(x, h, "blhd", (0, 2, 3, 1))
            ),
            "the heads are the first axis: they should be the second, after the batch": (
                lambda x, h: of.split_as(x, h, "blhd", (2, 0, 1, 3))
            ),
            "batch and heads are one axis: return four axes": lambda x, h: of.split_as(
                x, h, "blhd", (0, 2, 1, 3)
            ).reshape(-1, x.shape[1], x.shape[2] // h),
            "each head has all features: it should take width / heads of them": lambda x, h: (
                np.repeat(x[:, None], h, axis=1)
            ),
        },
    ),
)
