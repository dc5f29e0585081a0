"""Chapter 5, attention."""

import numpy as np
from keras import ops

from genai_keras.course.marking import Exercise
from genai_keras.layers import attention, positions


def causal_mask(length):
    """Which key (column) each query (row) may look at: `(length, length)` bool."""
    return attention.make_attention_mask(length, length, causal=True)[0, 0]


def scaled_dot_product_attention(query, key, value, mask):
    """softmax(Q K^T / sqrt(width)) V, over the keys that the mask leaves."""
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


def _lengths(rng):
    return [(int(length),) for length in rng.choice(np.arange(3, 80), 3, replace=False)]


def _partial_mask(rng, length):
    """True and False in every row and column, so that no query is left without a key."""
    while True:
        mask = rng.random((length, length)) < 0.5
        mixed = all(each.any() and not each.all() for each in (*mask, *mask.T))
        if mixed and not np.array_equal(mask, mask.T):
            return mask


def _queries(rng):
    """Query, key, value and mask of three shapes; the last one's scores are around 1,000."""
    cases = []
    for batch, length, width in ((2, 5, 6), (3, 4, 7)):
        parts = rng.normal(0, 1.2, (3, batch, length, width)).astype("float32")
        cases.append((*parts, _partial_mask(rng, length)))
    # Multiples of 1/8, whose products float32 adds up without an error.
    query, key, value = rng.integers(-12, 13, (3, 2, 6, 16)).astype("float32") / 8
    query[..., 0] = key[..., 0] = 64
    cases.append((query, key, value, _partial_mask(rng, 6)))
    return cases


def _softmax(scores, axis=-1):
    raised = np.exp(scores - scores.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def _scores(query, key):
    return query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]).astype("float32")


def _attend(scores, value, mask, axis=-1):
    return _softmax(np.where(mask, scores, -np.inf), axis) @ value


def _naive_attention(query, key, value, mask):
    raised = np.where(mask, np.exp(_scores(query, key)), 0.0)
    return raised / raised.sum(-1, keepdims=True) @ value


def _shapes_of_positions(rng):
    pairs = zip(rng.choice(np.arange(3, 48), 3, replace=False), rng.integers(3, 17, 3), strict=True)
    return [(int(length), 2 * int(half)) for length, half in pairs]


def _table(length, exponents, sine=np.sin, cosine=np.cos, first=0):
    """One of positions with an exponent for each column: sines in even ones, cosines in odd."""
    angles = (first + np.arange(length))[:, None] / 10_000.0**exponents  # (length, width)
    table = np.empty_like(angles)
    table[:, 0::2], table[:, 1::2] = sine(angles[:, 0::2]), cosine(angles[:, 1::2])
    return table


def _pairs(width):
    """2i / width for both columns of a pair i."""
    return np.repeat(np.arange(0, width, 2), 2) / width


def _activations(rng):
    cases = []
    for shape, scale, epsilon in (
        ((3, 4, 6), 2.0, 0.3),
        ((2, 5, 3), 0.5, 0.1),
        ((4, 2, 8), 1, 1e-3),
    ):
        x = rng.normal(rng.normal(0, scale, shape[-1]), scale, shape)
        gamma, beta = rng.normal(1, 0.5, (2, shape[-1]))
        cases.append((*(each.astype("float32") for each in (x, gamma, beta)), epsilon))
    return cases


def _normalized(x, gamma, beta, epsilon, axis=-1, ddof=0):
    variance = x.var(axis, keepdims=True, ddof=ddof)
    return gamma * (x - x.mean(axis, keepdims=True)) / np.sqrt(variance + epsilon) + beta


def _to_be_split(rng):
    shapes = (((2, 5, 6), 3), ((3, 4, 8), 2), ((2, 3, 12), 4))
    return [(rng.normal(size=shape).astype("float32"), heads) for shape, heads in shapes]


def _split_as(x, heads, order, axes):
    """Reshapes to an order of the sizes b(atch), l(ength), h(eads), d(epth), then transposes."""
    batch, length, width = x.shape
    sizes = {"b": batch, "l": length, "h": heads, "d": width // heads}
    return x.reshape([sizes[each] for each in order]).transpose(axes)


EXERCISES = (
    Exercise(
        causal_mask,
        _lengths,
        {
            "the transpose: rows are queries, so query i sees the columns up to i, the lower "
            "triangle": lambda n: np.triu(np.ones((n, n), bool)),
            "the wrong way round: True is where a query may look, not what is hidden from it": (
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
            "this is added to scores, 0 and minus infinity: return True and False": lambda n: (
                np.where(np.tri(n), 0.0, -np.inf)
            ),
            "this is added to scores, 0 and -1e9: return True and False": lambda n: np.where(
                np.tri(n), 0.0, -1e9
            ),
        },
    ),
    Exercise(
        scaled_dot_product_attention,
        _queries,
        {
            "exp of large scores overflows: subtract each row's maximum before it": (
                _naive_attention
            ),
            "the scores are not scaled: divide them by the root of the width": lambda q, k, v, m: (
                _attend(q @ k.transpose(0, 2, 1), v, m)
            ),
            "the scores are divided by the width: its root is enough": lambda q, k, v, m: _attend(
                q @ k.transpose(0, 2, 1) / q.shape[-1], v, m
            ),
            "the softmax is over the queries: a query's weights must add up to 1, axis=-1": (
                lambda q, k, v, m: _attend(_scores(q, k), v, m, axis=1)
            ),
            "the mask has no effect: set masked scores to minus infinity": lambda q, k, v, m: (
                _softmax(_scores(q, k)) @ v
            ),
            "the mask is the wrong way round: True is what a query may look at": (
                lambda q, k, v, m: _attend(_scores(q, k), v, ~m)
            ),
            "the mask is transposed: its rows are queries": lambda q, k, v, m: _attend(
                _scores(q, k), v, m.T
            ),
            "masked after the softmax, so the weights no longer add up to 1: mask the scores": (
                lambda q, k, v, m: (_softmax(_scores(q, k)) * m) @ v
            ),
            "masked scores are set to 0, but exp(0) is 1: set them to minus infinity": (
                lambda q, k, v, m: _softmax(_scores(q, k) * m) @ v
            ),
        },
    ),
    Exercise(
        sinusoidal_positions,
        _shapes_of_positions,
        {
            "sine and cosine are exchanged: the sine is in the even columns": lambda n, w: _table(
                n, _pairs(w), np.cos, np.sin
            ),
            "the sines are all to the left of the cosines: here they take turns": lambda n, w: (
                np.concatenate(
                    [_table(n, _pairs(w))[:, 0::2], _table(n, _pairs(w))[:, 1::2]], axis=1
                )
            ),
            "the exponent of a cosine is (2i + 1) / width: take its sine's, 2i / width": (
                lambda n, w: _table(n, np.arange(w) / w)
            ),
            "the exponent is 2 column / width: in the columns 2i and 2i + 1 it is 2i / width": (
                lambda n, w: _table(n, 2 * np.arange(w) / w)
            ),
            "the exponent is i / width: the 2 of 2i is missing": lambda n, w: _table(
                n, _pairs(w) / 2
            ),
            "the position is multiplied by 10000^(2i / width): divide by it": lambda n, w: _table(
                n, -_pairs(w)
            ),
            "every column is a sine: the odd ones are cosines": lambda n, w: _table(
                n, _pairs(w), np.sin, np.sin
            ),
            "positions begin with 1: the first one is 0": lambda n, w: _table(
                n, _pairs(w), first=1
            ),
            "these are the angles: their sines and cosines are missing": lambda n, w: _table(
                n, _pairs(w), np.positive, np.positive
            ),
        },
    ),
    Exercise(
        layer_normalization,
        _activations,
        {
            "the variance is divided by width - 1: it is the mean of the squares, ddof=0": (
                lambda x, g, b, e: _normalized(x, g, b, e, ddof=1)
            ),
            "epsilon is added to the deviation: add it to the variance, under the root": (
                lambda x, g, b, e: (
                    g * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + e) + b
                )
            ),
            "epsilon has no effect: add it to the variance": lambda x, g, b, e: _normalized(
                x, g, b, 0
            ),
            "divided by the variance: take the root of variance + epsilon": lambda x, g, b, e: (
                g * (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + e) + b
            ),
            "the moments are those of the batch (axis=0), as in batch normalization: axis=-1": (
                lambda x, g, b, e: _normalized(x, g, b, e, axis=0)
            ),
            "the moments are those of the positions (axis=1): each position has its own, axis=-1": (
                lambda x, g, b, e: _normalized(x, g, b, e, axis=1)
            ),
            "mean and variance of the whole array: each position has its own (axis=-1, keepdims)": (
                lambda x, g, b, e: _normalized(x, g, b, e, axis=(0, 1, 2))
            ),
            "gamma and beta have no effect: multiply by gamma, then add beta": lambda x, g, b, e: (
                _normalized(x, 1, 0, e)
            ),
            "gamma and beta are exchanged: gamma multiplies, beta is added": lambda x, g, b, e: (
                _normalized(x, b, g, e)
            ),
        },
    ),
    Exercise(
        split_heads,
        _to_be_split,
        {
            "reshaped at once, which mixes positions: first (batch, length, heads, width / heads), "
            "then transpose": lambda x, h: _split_as(x, h, "bhld", (0, 1, 2, 3)),
            "the heads are not in front of the positions yet: transpose": lambda x, h: _split_as(
                x, h, "blhd", (0, 1, 2, 3)
            ),
            "features are dealt out in turn: a head takes neighbouring ones": lambda x, h: (
                _split_as(x, h, "bldh", (0, 3, 1, 2))
            ),
            "the last two axes are exchanged: position, then feature": lambda x, h: _split_as(
                x, h, "blhd", (0, 2, 3, 1)
            ),
            "the heads are the first axis: they are the second, behind the batch": lambda x, h: (
                _split_as(x, h, "blhd", (2, 0, 1, 3))
            ),
            "batch and heads are one axis: return four axes": lambda x, h: _split_as(
                x, h, "blhd", (0, 2, 1, 3)
            ).reshape(-1, x.shape[1], x.shape[2] // h),
            "each head has all features: it takes width / heads of them": lambda x, h: np.repeat(
                x[:, None], h, axis=1
            ),
        },
    ),
)
