"""Wrong answers to chapter 5 as learners give them, each with a part of the hint it should get."""

import math

import numpy as np
from keras import ops


def mask_in_a_loop(length, may_look):
    mask = np.zeros((length, length), dtype=bool)
    for query in range(length):
        for key in range(length):
            mask[query, key] = may_look(query, key)
    return mask


def attention_in_a_loop(query, key, value, mask, scale):
    output = np.zeros_like(value)
    for b in range(len(query)):
        for i in range(query.shape[1]):
            seen = [j for j in range(key.shape[1]) if mask[i, j]]
            scores = np.array([np.dot(query[b, i], key[b, j]) * scale for j in seen])
            weights = np.exp(scores - max(scores))
            for weight, j in zip(weights, seen, strict=True):
                output[b, i] += weight / sum(weights) * value[b, j]
    return output


def without_maximum(query, key, value, mask):
    scores = ops.einsum("bqd,bkd->bqk", query, key) / math.sqrt(query.shape[-1])
    weights = ops.exp(scores) * ops.cast(mask, "float32")
    return ops.matmul(weights / ops.sum(weights, axis=-1, keepdims=True), value)


def masked_too_late(query, key, value, mask):
    scores = ops.matmul(query, ops.transpose(key, (0, 2, 1))) / query.shape[-1] ** 0.5
    return ops.matmul(ops.where(mask, ops.softmax(scores), 0.0), value)


def upside_down(query, key, value, mask):
    scores = np.einsum("bqd,bkd->bqk", query, key) / np.sqrt(query.shape[2])
    scores = scores + mask * -1e9
    return np.einsum("bqk,bkd->bqd", ops.softmax(scores, axis=-1), value)


def over_queries(query, key, value, mask):
    scores = np.einsum("bqd,bkd->bqk", query, key) / np.sqrt(query.shape[2])
    scores[:, ~mask] = -1e9
    return np.array(ops.softmax(scores, axis=1)) @ value


def positions_in_a_loop(length, width, angle, even=math.sin, odd=math.cos):
    table = np.zeros((length, width))
    for position in range(length):
        for column in range(width):
            wave = even if column % 2 == 0 else odd
            table[position, column] = wave(angle(position, column, width))
    return table


def halves(length, width):
    frequencies = np.exp(-math.log(10_000) * np.arange(0, width, 2) / width)
    angles = np.outer(np.arange(length), frequencies)
    return np.hstack([np.sin(angles), np.cos(angles)])


def by_columns(x, gamma, beta, epsilon):
    mean, variance = ops.moments(x, axes=[0], keepdims=True)
    return (x - mean) * ops.rsqrt(variance + epsilon) * gamma + beta


def by_hand(x, gamma, beta, epsilon):
    output = np.zeros_like(x)
    for b, text in enumerate(x):
        for i, vector in enumerate(text):
            distances = vector - sum(vector) / len(vector)
            variance = sum(distances**2) / (len(vector) - 1)
            output[b, i] = gamma * distances / math.sqrt(variance + epsilon) + beta
    return output


def dealt_out(x, num_heads):
    return np.stack([x[:, :, head::num_heads] for head in range(num_heads)], axis=1)


WRONG = (
    (
        "causal_mask",
        "this is transposed",
        lambda length: mask_in_a_loop(length, lambda query, key: query <= key),
    ),
    (
        "causal_mask",
        "the mask is inverted",
        lambda length: ops.arange(length)[None, :] > ops.arange(length)[:, None],
    ),
    (
        "causal_mask",
        "diagonal is missing",
        lambda length: mask_in_a_loop(length, lambda query, key: key < query),
    ),
    (
        "causal_mask",
        "minus infinity",
        lambda length: np.triu(np.full((length, length), -np.inf), k=1),
    ),
    (
        "scaled_dot_product_attention",
        "not scaled",
        lambda q, k, v, m: attention_in_a_loop(q, k, v, m, 1.0),
    ),
    (
        "scaled_dot_product_attention",
        "divided by the width",
        lambda q, k, v, m: attention_in_a_loop(q, k, v, m, 1 / q.shape[-1]),
    ),
    ("scaled_dot_product_attention", "overflows", without_maximum),
    ("scaled_dot_product_attention", "masked after the softmax", masked_too_late),
    ("scaled_dot_product_attention", "the mask is inverted", upside_down),
    ("scaled_dot_product_attention", "over the queries", over_queries),
    ("sinusoidal_positions", "all sines are to the left of the cosines", halves),
    (
        "sinusoidal_positions",
        "sine and cosine are swapped",
        lambda length, width: positions_in_a_loop(
            length,
            width,
            lambda position, column, width: position / 10_000 ** (2 * (column // 2) / width),
            math.cos,
            math.sin,
        ),
    ),
    (
        "sinusoidal_positions",
        "(2i + 1) / width",
        lambda length, width: positions_in_a_loop(
            length, width, lambda position, column, width: position * 10_000 ** (-column / width)
        ),
    ),
    (
        "sinusoidal_positions",
        "the 2 of 2i is missing",
        lambda length, width: positions_in_a_loop(
            length,
            width,
            lambda position, column, width: position / 10_000 ** (column // 2 / width),
        ),
    ),
    ("layer_normalization", "divided by width - 1", by_hand),
    ("layer_normalization", "those of the batch", by_columns),
    (
        "layer_normalization",
        "added to the deviation",
        lambda x, gamma, beta, epsilon: (
            ops.multiply(
                gamma,
                (x - ops.mean(x, -1, keepdims=True)) / (ops.std(x, -1, keepdims=True) + epsilon),
            )
            + beta
        ),
    ),
    (
        "layer_normalization",
        "the whole array",
        lambda x, gamma, beta, epsilon: gamma * (x - x.mean()) / (x.var() + epsilon) ** 0.5 + beta,
    ),
    (
        "split_heads",
        "one reshape mixes positions",
        lambda x, h: ops.reshape(x, (x.shape[0], h, x.shape[1], x.shape[2] // h)),
    ),
    ("split_heads", "the heads take features in turn", dealt_out),
    ("split_heads", "the heads are the first axis", lambda x, h: np.split(x, h, axis=-1)),
    (
        "split_heads",
        "the heads are not yet before the positions",
        lambda x, h: ops.reshape(x, (*x.shape[:2], h, -1)),
    ),
)
