"""Inputs for the exercises of chapter 5, and parts of common mistakes."""

import numpy as np


def lengths(rng):
    return [(int(length),) for length in rng.choice(np.arange(3, 80), 3, replace=False)]


def partial_mask(rng, length):
    """True and False in every row and column, so that every query has a key."""
    while True:
        mask = rng.random((length, length)) < 0.5
        mixed = all(each.any() and not each.all() for each in (*mask, *mask.T))
        if mixed and not np.array_equal(mask, mask.T):
            return mask


def queries(rng):
    """Query, key, value and mask of three shapes; the scores of the last are around 1,000."""
    cases = []
    for batch, length, width in ((2, 5, 6), (3, 4, 7)):
        parts = rng.normal(0, 1.2, (3, batch, length, width)).astype("float32")
        cases.append((*parts, partial_mask(rng, length)))
    # Multiples of 1/8, because float32 adds their products exactly.
    query, key, value = rng.integers(-12, 13, (3, 2, 6, 16)).astype("float32") / 8
    query[..., 0] = key[..., 0] = 64
    cases.append((query, key, value, partial_mask(rng, 6)))
    return cases


def softmax(scores, axis=-1):
    raised = np.exp(scores - scores.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def scores(query, key):
    return query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]).astype("float32")


def attend(scores, value, mask, axis=-1):
    return softmax(np.where(mask, scores, -np.inf), axis) @ value


def naive_attention(query, key, value, mask):
    raised = np.where(mask, np.exp(scores(query, key)), 0.0)
    return raised / raised.sum(-1, keepdims=True) @ value


def shapes_of_positions(rng):
    pairs = zip(rng.choice(np.arange(3, 48), 3, replace=False), rng.integers(3, 17, 3), strict=True)
    return [(int(length), 2 * int(half)) for length, half in pairs]


def table(length, exponents, sine=np.sin, cosine=np.cos, first=0):
    """Positions with an exponent for each column: sines in even columns, cosines in odd ones."""
    angles = (first + np.arange(length))[:, None] / 10_000.0**exponents  # (length, width)
    table = np.empty_like(angles)
    table[:, 0::2], table[:, 1::2] = sine(angles[:, 0::2]), cosine(angles[:, 1::2])
    return table


def pairs(width):
    """2i / width for both columns of a pair i."""
    return np.repeat(np.arange(0, width, 2), 2) / width


def activations(rng):
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


def normalized(x, gamma, beta, epsilon, axis=-1, ddof=0):
    variance = x.var(axis, keepdims=True, ddof=ddof)
    return gamma * (x - x.mean(axis, keepdims=True)) / np.sqrt(variance + epsilon) + beta


def to_be_split(rng):
    shapes = (((2, 5, 6), 3), ((3, 4, 8), 2), ((2, 3, 12), 4))
    return [(rng.normal(size=shape).astype("float32"), heads) for shape, heads in shapes]


def split_as(x, heads, order, axes):
    """Reshapes to the sizes b(atch), l(ength), h(eads), d(epth) in some order, then transposes."""
    batch, length, width = x.shape
    sizes = {"b": batch, "l": length, "h": heads, "d": width // heads}
    return x.reshape([sizes[each] for each in order]).transpose(axes)
