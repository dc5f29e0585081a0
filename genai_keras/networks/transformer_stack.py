"""The base of all Transformers: embeddings, positions, a stack of blocks, a last norm."""

import math

import keras
from keras import ops

from genai_keras.layers.dropout import Dropout
from genai_keras.layers.normalization import LayerNormalization
from genai_keras.layers.positions import LearnedPositions, SinusoidalPositions

GPT_DEVIATION = 0.02  # standard deviation of initial weights


class TransformerStack(keras.Model):
    """Token embeddings, positions, a stack of blocks, and a last norm for a pre-norm stack."""

    branches_per_block = 2
    first_gain = 1.0  # of the last norm

    def __init__(
        self,
        vocabulary_size,
        context_length,
        width,
        num_layers,
        num_heads,
        hidden_units=None,
        dropout=0.0,
        activation="gelu",
        norm_first=True,
        positions="learned",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if positions not in ("learned", "sinusoidal"):
            raise ValueError(f"positions must be 'learned' or 'sinusoidal', not {positions!r}")
        dtype = self.dtype_policy
        self.vocabulary_size = vocabulary_size
        self.context_length = context_length
        self.width = width
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.hidden_units = hidden_units or 4 * width
        self.dropout = dropout
        self.activation = activation
        self.norm_first = norm_first
        self.positions = positions
        self.embedding = keras.layers.Embedding(
            self.rows, width, embeddings_initializer=_normal(), name="embedding", dtype=dtype
        )
        self.add_positions = (
            LearnedPositions(context_length, _normal(), name="positions", dtype=dtype)
            if positions == "learned"
            else SinusoidalPositions(context_length, name="positions", dtype=dtype)
        )
        self.drop = Dropout(dropout, dtype=dtype)
        self.blocks = [self._block(f"block_{index}") for index in range(num_layers)]
        self.last_norm = LayerNormalization(epsilon=1e-5, dtype=dtype) if norm_first else None
        last = self.last_norm or self.blocks[-1].feed_forward_norm
        last.gamma_initializer = keras.initializers.Constant(self.first_gain)
        self.build((None, None))

    @property
    def rows(self):
        """Number of rows of the embedding table."""
        return self.vocabulary_size

    def build(self, tokens_shape):
        states_shape = (*tokens_shape, self.width)
        self.embedding.build(tokens_shape)
        self.add_positions.build(states_shape)
        for block in self.blocks:
            block.build(states_shape)
        if self.last_norm:
            self.last_norm.build(states_shape)

    def attention_weights(self, tokens, **arguments):
        """The weight of each key for each query, in each block and head.

        Args:
            tokens: `(batch, length)` int.
            **arguments: masks, and the memory of a decoder, as in a call.

        Returns:
            A dictionary of `attention` and, if there is one, `cross_attention`, both
            `(blocks, batch, heads, query, key)`.
        """
        x, of_blocks = self._embed(tokens, 0, training=False), []
        for block in self.blocks:
            x, weights = block(x, **arguments, return_attention_scores=True)
            of_blocks.append(weights)
        return {name: ops.stack([each[name] for each in of_blocks]) for name in of_blocks[0]}

    def _block(self, name):
        raise NotImplementedError

    def _block_arguments(self, name):
        # Each branch adds to the residual; with this scale, the sum keeps its variance.
        branches = self.branches_per_block * self.num_layers
        return {
            "num_heads": self.num_heads,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
            "activation": self.activation,
            "norm_first": self.norm_first,
            "kernel_initializer": _normal(),
            "output_initializer": _normal(1.0 / math.sqrt(branches)),
            "name": name,
            "dtype": self.dtype_policy,
        }

    def _embed(self, tokens, position, training):
        x = self.embedding(tokens)  # (batch, length, width)
        if self.positions == "sinusoidal":  # to the size of the sinusoids, as in the paper
            x = x * math.sqrt(self.width)
        return self.drop(self.add_positions(x, position=position), training=training)

    def get_config(self):
        names = (
            "name", "vocabulary_size", "context_length", "width", "num_layers", "num_heads",
            "hidden_units", "dropout", "activation", "norm_first", "positions",
        )  # fmt: skip
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {**{name: getattr(self, name) for name in names}, "dtype": dtype}


def _normal(scale=1.0):
    return keras.initializers.RandomNormal(stddev=scale * GPT_DEVIATION)
