"""Transformer blocks: attention and a dense network, each with a residual connection."""

import keras

from genai_keras.layers.attention import MultiHeadAttention
from genai_keras.layers.dropout import Dropout
from genai_keras.layers.normalization import LayerNormalization


class _Block(keras.layers.Layer):
    """The common base of encoder and decoder blocks: self-attention, feed-forward, norms."""

    def __init__(
        self,
        num_heads,
        hidden_units,
        dropout=0.0,
        activation="gelu",
        norm_first=True,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.activation = activation
        self.norm_first = norm_first
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = (
            keras.initializers.get(output_initializer) or self.kernel_initializer
        )
        self.attention = self._attention("attention")
        self.attention_norm = self._norm("attention_norm")
        self.feed_forward_norm = self._norm("feed_forward_norm")
        self.hidden = keras.layers.Dense(
            hidden_units,
            activation,
            kernel_initializer=self.kernel_initializer.clone(),
            name="hidden",
            dtype=self.dtype_policy,
        )
        self.drop = Dropout(dropout, dtype=self.dtype_policy)

    def build(self, x_shape):
        width = x_shape[-1]
        self.output_layer = keras.layers.Dense(
            width,
            kernel_initializer=self.output_initializer.clone(),
            name="output",
            dtype=self.dtype_policy,
        )
        for layer in (self.attention, self.attention_norm, self.feed_forward_norm, self.hidden):
            layer.build(x_shape)
        self.output_layer.build((*x_shape[:-1], self.hidden_units))

    def _attention(self, name):
        # Clones, because an initializer gives equal numbers each time it is used.
        return MultiHeadAttention(
            self.num_heads,
            self.dropout,
            self.kernel_initializer.clone(),
            self.output_initializer.clone(),
            name=name,
            dtype=self.dtype_policy,
        )

    def _norm(self, name):
        return LayerNormalization(epsilon=1e-5, name=name, dtype=self.dtype_policy)

    def _enter(self, norm, x):
        """The input of a branch."""
        return norm(x) if self.norm_first else x

    def _leave(self, norm, x, branch, training):
        """The sum of the residual and the branch."""
        x = x + self.drop(branch, training=training)
        return x if self.norm_first else norm(x)

    def _feed_forward(self, x, training):
        hidden = self.hidden(self._enter(self.feed_forward_norm, x))  # (batch, length, hidden)
        return self._leave(self.feed_forward_norm, x, self.output_layer(hidden), training)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
            "activation": self.activation,
            "norm_first": self.norm_first,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }


@keras.saving.register_keras_serializable(package="genai_keras")
class EncoderBlock(_Block):
    """Self-attention over a whole sequence, then a dense network on each position.

    Args:
        num_heads: number of attention heads.
        hidden_units: hidden units of the dense network.
        dropout: dropout rate after attention and dense network, and of the attention weights.
        activation: activation of the hidden units.
        norm_first: whether to normalize the input of each branch; the residual then stays
            untouched, and training is stable without warm-up. False normalizes the sum, as in the
            paper.
        kernel_initializer: initializer of all matrices except those that end a branch.
        output_initializer: initializer of those; None is `kernel_initializer`.

    Call arguments:
        x: `(batch, length, width)`.
        padding_mask: `(batch, length)` bool, False for padding.
        return_attention_scores: whether to return the attention weights, too.

    Returns:
        `(batch, length, width)`; if requested, this and a dictionary of the weights of `attention`,
        `(batch, heads, length, length)`.

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762;
        norms: Xiong et al. 2020, https://arxiv.org/abs/2002.04745
    """

    def call(self, x, padding_mask=None, return_attention_scores=False, training=False):
        branch, weights = self.attention(
            self._enter(self.attention_norm, x),
            padding_mask=padding_mask,
            return_attention_scores=True,
            training=training,
        )
        x = self._leave(self.attention_norm, x, branch, training)
        x = self._feed_forward(x, training)
        return (x, {"attention": weights}) if return_attention_scores else x


@keras.saving.register_keras_serializable(package="genai_keras")
class DecoderBlock(_Block):
    """Self-attention to the past, optional attention to the states of an encoder, a dense network.

    Args:
        num_heads, hidden_units, ...: as in `EncoderBlock`.
        cross_attention: whether to attend to `memory`, too. Without it, this is a block of GPT.

    Call arguments:
        x: `(batch, length, width)`.
        memory: states of an encoder, `(batch, source, width)`, or their `keys_and_values` from
            `cross_attention`.
        padding_mask: `(batch, length)` bool, False for padding in `x`.
        memory_padding_mask: `(batch, source)` bool, False for padding in `memory`.
        cache: cache from `attention.new_cache`, to continue after the positions seen before.
        position: position of the first of `x`.
        return_attention_scores: whether to return the weights of both attentions, too.

    Returns:
        `(batch, length, width)`, or a tuple of it, a dictionary of the weights of `attention` and
        `cross_attention`, `(batch, heads, query, key)`, if requested, and the new cache if there
        is one.

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, *args, cross_attention=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.has_cross_attention = cross_attention
        if cross_attention:
            self.cross_attention = self._attention("cross_attention")
            self.cross_attention_norm = self._norm("cross_attention_norm")

    def build(self, x_shape):
        super().build(x_shape)
        if self.has_cross_attention:
            self.cross_attention.build(x_shape)
            self.cross_attention_norm.build(x_shape)

    def call(
        self,
        x,
        memory=None,
        padding_mask=None,
        memory_padding_mask=None,
        cache=None,
        position=0,
        return_attention_scores=False,
        training=False,
    ):
        weights = {}
        branch, weights["attention"], *new_cache = self.attention(
            self._enter(self.attention_norm, x),
            padding_mask=padding_mask,
            causal=True,
            cache=cache,
            position=position,
            return_attention_scores=True,
            training=training,
        )
        x = self._leave(self.attention_norm, x, branch, training)
        if self.has_cross_attention:
            branch, weights["cross_attention"] = self.cross_attention(
                self._enter(self.cross_attention_norm, x),
                source=memory,
                padding_mask=memory_padding_mask,
                return_attention_scores=True,
                training=training,
            )
            x = self._leave(self.cross_attention_norm, x, branch, training)
        x = self._feed_forward(x, training)
        outputs = (x, weights, *new_cache) if return_attention_scores else (x, *new_cache)
        return outputs if len(outputs) > 1 else x

    def get_config(self):
        return {**super().get_config(), "cross_attention": self.has_cross_attention}
