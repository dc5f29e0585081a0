"""Dropout whose masks do not depend on how a batch is divided."""

import keras
from keras import ops

from genai_keras import replicas


@keras.saving.register_keras_serializable(package="genai_keras")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, with masks of their own for each part of a batch.

    Args:
        rate: fraction of the inputs that are dropped.
        seed: seed of the masks.

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        if self.noise_shape is not None:
            raise ValueError("this Dropout draws each number of its masks: leave `noise_shape` out")

    def call(self, inputs, training=False):
        if not training or not self.rate or not replicas.is_divided():
            return super().call(inputs, training=training)

        def draw(shape):
            ones = ops.ones(shape, inputs.dtype)
            return keras.random.dropout(ones, self.rate, seed=self.seed_generator)

        return inputs * replicas.own_part(draw, ops.shape(inputs))
