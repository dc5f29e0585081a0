"""Attention against Keras' own, a plain NumPy version, and the laws that masks must keep."""

import keras
import numpy as np
import pytest

from genai_keras.errors import UserError
from genai_keras.layers.attention import MultiHeadAttention

WIDTH, HEADS, QUERIES, KEYS = 12, 3, 5, 7
rng = np.random.default_rng(0)


def noise(*shape):
    return rng.normal(size=shape).astype("float32")


def make_attention(**kwargs):
    layer = MultiHeadAttention(HEADS, **kwargs)
    layer.build((None, None, WIDTH))
    layer.bias.assign(noise(3 * WIDTH))
    layer.output_bias.assign(noise(WIDTH))
    return layer


def as_keras(ours):
    """`keras.layers.MultiHeadAttention` with the same weights."""
    theirs = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
    theirs.build((None, None, WIDTH), (None, None, WIDTH))
    weights = []
    for part in range(3):
        columns = slice(part * WIDTH, (part + 1) * WIDTH)
        weights.append(ours.kernel.numpy()[:, columns].reshape(WIDTH, HEADS, -1))
        weights.append(ours.bias.numpy()[columns].reshape(HEADS, -1))
    weights.append(ours.output_kernel.numpy().reshape(HEADS, -1, WIDTH))
    weights.append(ours.output_bias.numpy())
    theirs.set_weights(weights)
    return theirs


def in_numpy(ours, query, source, attention_mask):
    """The paper's formula, one sentence, head and query at a time."""
    kernel, bias = ours.kernel.numpy().astype("float64"), ours.bias.numpy()
    q, k, v = (
        inputs @ kernel[:, part * WIDTH : (part + 1) * WIDTH]
        + bias[part * WIDTH : (part + 1) * WIDTH]
        for part, inputs in enumerate((query, source, source))
    )
    size = WIDTH // HEADS
    merged = np.zeros(query.shape)
    for sentence, head, row in np.ndindex(len(query), HEADS, query.shape[1]):
        columns = slice(head * size, (head + 1) * size)
        scores = k[sentence][:, columns] @ q[sentence, row, columns] / np.sqrt(size)
        weights = np.exp(scores) * attention_mask[sentence, row]
        merged[sentence, row, columns] = weights / weights.sum() @ v[sentence][:, columns]
    return merged @ ours.output_kernel.numpy() + ours.output_bias.numpy()


PADDING = np.arange(KEYS)[None] < [[KEYS], [4]]  # the second sentence has 4 tokens


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", ["self", "causal self", "cross"])
def test_equals_keras_and_numpy(kind, padded):
    ours = make_attention()
    source = noise(2, KEYS, WIDTH)
    query = noise(2, QUERIES, WIDTH) if kind == "cross" else source
    mask = PADDING if padded else None
    result = ours(
        query,
        source=source if kind == "cross" else None,
        padding_mask=mask,
        causal=kind == "causal self",
    )
    theirs = as_keras(ours)(
        query,
        source,
        attention_mask=None if mask is None else mask[:, None, :],
        use_causal_mask=kind == "causal self",
    )
    np.testing.assert_allclose(result, theirs, atol=1e-5)
    attention_mask = np.ones((2, query.shape[1], KEYS))
    if kind == "causal self":
        attention_mask = np.tril(attention_mask)
    if padded:
        attention_mask = attention_mask * PADDING[:, None, :]
    np.testing.assert_allclose(result, in_numpy(ours, query, source, attention_mask), atol=1e-5)


def test_the_future_changes_nothing_before_it_exactly():
    layer, x = make_attention(), noise(2, KEYS, WIDTH)
    changed = x.copy()
    changed[:, 4:] = 100 * noise(2, KEYS - 4, WIDTH)
    before, after = np.array(layer(x, causal=True)), np.array(layer(changed, causal=True))
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any(axis=-1).all()


def test_padding_changes_nothing_exactly():
    layer, query, source = make_attention(), noise(2, QUERIES, WIDTH), noise(2, KEYS, WIDTH)
    changed = np.where(PADDING[..., None], source, 100 * noise(2, KEYS, WIDTH))
    before = layer(query, source=source, padding_mask=PADDING)
    after = layer(query, source=changed.astype("float32"), padding_mask=PADDING)
    np.testing.assert_array_equal(before, after)


def test_a_query_that_may_see_nothing_is_no_nan():
    layer = make_attention()
    result = layer(noise(1, 3, WIDTH), padding_mask=np.zeros((1, 3), bool))
    assert np.isfinite(result).all()


@pytest.mark.parametrize("pieces", [[1] * KEYS, [3, 1, 1, 2], [KEYS]])
def test_a_cache_gives_what_the_whole_sequence_gives(pieces):
    layer, x = make_attention(), noise(2, KEYS, WIDTH)
    cache, found, position = layer.new_cache(2, length=9), [], 0
    for length in pieces:
        piece = x[:, position : position + length]
        output, cache = layer(piece, causal=True, cache=cache, position=position)
        found.append(output)
        position += length
    np.testing.assert_allclose(np.concatenate(found, axis=1), layer(x, causal=True), atol=1e-5)


def test_keys_and_values_of_a_source_can_be_computed_before():
    layer, query, source = make_attention(), noise(2, QUERIES, WIDTH), noise(2, KEYS, WIDTH)
    before = layer(query, source=layer.keys_and_values(source), padding_mask=PADDING)
    np.testing.assert_array_equal(before, layer(query, source=source, padding_mask=PADDING))


def test_dropout_drops_weights_in_training_only():
    layer, x = make_attention(dropout=0.5, seed=1), noise(64, KEYS, WIDTH)
    np.testing.assert_array_equal(layer(x), layer(x))
    results = np.stack([layer(x, training=True) for _ in range(200)])
    assert (results[0] != results[1]).any()
    # What is kept is scaled up, so that the mean over many draws is what inference computes.
    error = np.abs(results.mean(axis=0) - layer(x)).mean()
    assert error < 0.1 * np.abs(results[0] - layer(x)).mean()


def test_returned_weights_are_what_mixes_the_values():
    layer, x = make_attention(), noise(2, KEYS, WIDTH)
    output, weights = layer(x, causal=True, return_attention_scores=True)
    _, theirs = as_keras(layer)(x, x, use_causal_mask=True, return_attention_scores=True)
    np.testing.assert_allclose(weights, theirs, atol=1e-6)
    cache = layer.new_cache(2, KEYS)
    same = layer(x, causal=True, cache=cache, return_attention_scores=True)
    assert len(same) == 3
    np.testing.assert_array_equal(same[1], weights)
    weights = np.array(weights)
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, atol=1e-6)
    assert (weights[..., ~np.tri(KEYS, dtype=bool)] == 0).all()
    _, value = layer.keys_and_values(x)
    heads = np.swapaxes(weights @ value, 1, 2).reshape(2, KEYS, WIDTH)
    expected = heads @ layer.output_kernel.numpy() + layer.output_bias.numpy()
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.low_precision
def test_low_precision_is_near_and_its_weights_sum_to_one():
    layer, x = make_attention(), noise(2, KEYS, WIDTH)
    low = make_attention(dtype="mixed_bfloat16")
    low.set_weights(layer.get_weights())
    result = low(x, causal=True)
    assert result.dtype == "bfloat16"
    np.testing.assert_allclose(np.array(result, "float32"), layer(x, causal=True), atol=0.1)


def test_it_comes_back_from_its_config():
    layer = MultiHeadAttention(
        HEADS, 0.1, keras.initializers.RandomNormal(stddev=0.5), keras.initializers.Zeros(), seed=3
    )
    again = MultiHeadAttention.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    again.build((None, None, WIDTH))
    assert 0.4 < np.std(again.kernel) < 0.6 and not again.output_kernel.numpy().any()


def test_a_width_that_heads_cannot_share_is_named():
    with pytest.raises(UserError, match="a width of 13 cannot be divided among 3 heads"):
        MultiHeadAttention(3).build((None, None, 13))
