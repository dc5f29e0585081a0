"""Positions, because attention itself does not know the order of its keys."""

import keras
import numpy as np
from keras import ops

from genai_keras.errors import UserError


@keras.saving.register_keras_serializable(package="genai_keras")
class LearnedPositions(keras.layers.Layer):
    """Adds a learned vector to each position.

    Args:
        length: number of positions.
        initializer: initializer of the vectors.

    Call arguments:
        x: `(batch, positions, width)`.
        position: the first position.

    Reference: Gehring et al. 2017, https://arxiv.org/abs/1705.03122
    """

    def __init__(self, length, initializer="uniform", **kwargs):
        super().__init__(**kwargs)
        self.length = length
        self.initializer = keras.initializers.get(initializer)

    def build(self, x_shape):
        self.vectors = self.add_weight(
            shape=(self.length, x_shape[-1]), initializer=self.initializer, name="vectors"
        )

    def call(self, x, position=0):
        return x + _rows(self.vectors, position, x)

    def get_config(self):
        return {
            **super().get_config(),
            "length": self.length,
            "initializer": keras.initializers.serialize(self.initializer),
        }


@keras.saving.register_keras_serializable(package="genai_keras")
class SinusoidalPositions(keras.layers.Layer):
    """Adds sines and cosines of the position, with wavelengths from 2 pi to 20,000 pi.

    Args:
        length: number of positions.

    Call arguments:
        x: `(batch, positions, width)`.
        position: the first position.

    Reference: Vaswani et al. 2017, section 3.5, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        self.length = length

    def build(self, x_shape):
        self.table = sinusoids(self.length, x_shape[-1])

    def call(self, x, position=0):
        table = ops.convert_to_tensor(self.table, dtype=x.dtype)
        return x + _rows(table, position, x)

    def get_config(self):
        return {**super().get_config(), "length": self.length}


def sinusoids(length, width):
    """sin(position / 10000^(2i / width)) in column 2i, its cosine in 2i + 1: `(length, width)`."""
    if width % 2:
        raise UserError(f"sines and cosines come in pairs: the width must be even, not {width}")
    frequencies = 10_000.0 ** (-np.arange(0, width, 2) / width)  # (width / 2,)
    angles = np.arange(length)[:, None] * frequencies  # (length, width / 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, width)


def _rows(table, position, x):
    """The rows for the positions of `x`, starting at `position`."""
    return ops.slice(table, (position, 0), (ops.shape(x)[1], table.shape[1]))
