"""Scaled dot-product attention with several heads."""

import math

import keras
import tensorflow as tf
from keras import ops

from genai_keras.errors import UserError
from genai_keras.layers.dropout import Dropout


@keras.saving.register_keras_serializable(package="genai_keras")
class MultiHeadAttention(keras.layers.Layer):
    """Each query looks for similar keys and averages their values, in several subspaces.

    It computes softmax(Q K^T / sqrt(width / num_heads)) V for each head, then projects the results
    of all heads together. Queries, keys and values come from one matrix, `kernel`, of shape
    `(width, 3 * width)`: self-attention is one multiplication, and cross-attention uses its parts.

    Args:
        num_heads: number of independent subspaces; must divide the width of the input.
        dropout: fraction of the attention weights that are dropped in training.
        kernel_initializer: initializer of `kernel`.
        output_initializer: initializer of the final projection; None is `kernel_initializer`.
        seed: seed of the dropout; None draws one from the global seed of Keras.

    Call arguments:
        query: `(batch, query, width)`.
        source: input of keys and values: `(batch, key, width)`, or the earlier result of
            `keys_and_values`; None is `query` itself, which is self-attention.
        padding_mask: `(batch, key)` bool, False where the key is padding and must not be seen.
        causal: whether a query sees only keys at its own position and before.
        cache: keys and values of the positions before this call, from `new_cache`; those of `query`
            are added at `position`.
        position: position of the first query in the cache.
        return_attention_scores: whether to return the weights, too; named as in the Keras layer.

    Returns:
        `(batch, query, width)`, or a tuple of it, the weights `(batch, heads, query, key)` if
        requested, and the new cache if there is one.

    Raises:
        UserError: the width is not a multiple of `num_heads`.

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        num_heads,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        # A clone, because an initializer gives equal numbers each time it is used.
        self.output_initializer = (
            keras.initializers.get(output_initializer) or self.kernel_initializer.clone()
        )
        self.seed = seed
        self.drop = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape):
        width = query_shape[-1]
        if width % self.num_heads:
            raise UserError(
                f"a width of {width} cannot be divided among {self.num_heads} heads: use a "
                f"multiple of {self.num_heads}"
            )
        self.width = width
        self.kernel = self.add_weight(
            shape=(width, 3 * width), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(3 * width,), initializer="zeros", name="bias")
        self.output_kernel = self.add_weight(
            shape=(width, width), initializer=self.output_initializer, name="output_kernel"
        )
        self.output_bias = self.add_weight(shape=(width,), initializer="zeros", name="output_bias")

    def call(
        self,
        query,
        source=None,
        padding_mask=None,
        causal=False,
        cache=None,
        position=0,
        return_attention_scores=False,
        training=False,
    ):
        if source is None:
            query, *keys_and_values = self._project(query, 0, 3)
        else:
            (query,) = self._project(query, 0, 1)
            keys_and_values = (
                source if isinstance(source, (tuple, list)) else self.keys_and_values(source)
            )
        if cache is not None:
            keys_and_values = cache = [
                _put(new, kept, position) for kept, new in zip(cache, keys_and_values, strict=True)
            ]
        key, value = keys_and_values
        scores = attention_scores(query / math.sqrt(self.width // self.num_heads), key)
        attention_mask = make_attention_mask(
            ops.shape(query)[2], ops.shape(key)[2], padding_mask, causal, position
        )
        weights = attention_weights(scores, attention_mask)
        heads = weighted_values(self.drop(weights, training=training), value)
        heads = ops.transpose(heads, (0, 2, 1, 3))  # (batch, query, heads, width / heads)
        merged = ops.reshape(heads, (*ops.shape(heads)[:2], self.width))
        output = ops.matmul(merged, self.output_kernel) + self.output_bias
        if cache is not None:
            return (output, weights, cache) if return_attention_scores else (output, cache)
        return (output, weights) if return_attention_scores else output

    def keys_and_values(self, source):
        """Keys and values of a source: two of `(batch, heads, key, width / heads)`.

        Cross-attention computes them only once for each source.
        """
        return self._project(source, 1, 3)

    def new_cache(self, batch_size, length):
        """An empty cache for `length` positions."""
        shape = (batch_size, self.num_heads, length, self.width // self.num_heads)
        return [ops.zeros(shape, self.compute_dtype) for _ in range(2)]

    def _project(self, x, first, last):
        """Parts `first`..`last` of query, key and value, each split among the heads."""
        columns = slice(first * self.width, last * self.width)
        kernel, bias = self.kernel, self.bias
        if last - first < 3:
            kernel, bias = kernel[:, columns], bias[columns]
        kernel, bias = ops.cast(kernel, x.dtype), ops.cast(bias, x.dtype)
        x = ops.matmul(x, kernel) + bias  # (batch, length, parts * width)
        x = ops.reshape(x, (*ops.shape(x)[:2], last - first, self.num_heads, -1))
        x = ops.transpose(x, (2, 0, 3, 1, 4))  # (parts, batch, heads, length, width / heads)
        return list(ops.unstack(x, last - first))

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
            "seed": self.seed,
        }


def _put(new, kept, position):
    """The cache `kept` with `new` from `position` on; the shape never changes, which is faster."""
    # `ops.slice_update` takes 1.2 times as long for 1 text, 1.4 for 24 (benchmark_transformer.py).
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=kept,
        begin=[0, 0, position, 0],
        end=[0, 0, position + ops.shape(new)[2], 0],
        strides=[1, 1, 1, 1],
        value=ops.cast(new, kept.dtype),
        begin_mask=0b1011,
        end_mask=0b1011,
    )


def make_attention_mask(queries, keys, padding_mask=None, causal=False, position=0):
    """Which keys each query may see: bool, broadcasts to `(batch, heads, query, key)`; None is all.

    Args:
        queries: number of queries.
        keys: number of keys.
        padding_mask: `(batch, key)` bool, False for padding.
        causal: whether a query sees only keys at its own position and before.
        position: position of the first query.
    """
    mask = None
    if causal:
        of_query = position + ops.arange(queries, dtype="int32")[:, None]  # (query, 1)
        mask = (ops.arange(keys, dtype="int32")[None] <= of_query)[None, None]
    if padding_mask is not None:
        real = ops.cast(padding_mask, "bool")[:, None, None, :]  # (batch, 1, 1, key)
        mask = real if mask is None else ops.logical_and(mask, real)
    return mask


def attention_scores(query, key):
    """The dot product of each query with each key: `(batch, heads, query, key)`.

    A single query, as in a step of generation, is a special case here and in `weighted_values`: on
    CPU, a product and a sum take less than half the time of a batched multiplication by such a thin
    matrix.
    """
    if query.shape[2] == 1:
        return ops.sum(query * key, axis=-1)[:, :, None]
    return ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))


def attention_weights(scores, attention_mask=None):
    """Softmax over the keys that a query may see; all other weights are exactly 0.

    It is always computed in float32. Masked scores are -1e9, not minus infinity, so that a query
    that may see nothing gets the mean of all values instead of NaN.
    """
    weights = ops.cast(scores, "float32")
    if attention_mask is not None:
        weights = ops.where(attention_mask, weights, -1e9)
    if scores.shape[2] == 1:  # a step of generation, where `softmax` is five times slower on CPU
        weights = ops.exp(ops.log_softmax(weights, axis=-1))
    else:
        weights = ops.softmax(weights, axis=-1)
    return ops.cast(weights, scores.dtype)


def weighted_values(weights, value):
    """The means of the values, weighted for each query: `(batch, heads, query, width / heads)`."""
    if weights.shape[2] == 1:
        return ops.sum(ops.transpose(weights, (0, 1, 3, 2)) * value, axis=2, keepdims=True)
    return ops.matmul(weights, value)
