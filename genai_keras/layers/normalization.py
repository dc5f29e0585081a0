"""Layer normalization with fewer passes over the states than in Keras."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="genai_keras")
class LayerNormalization(keras.layers.LayerNormalization):
    """`keras.layers.LayerNormalization` over the last axis, with gain and offset.

    The mean is subtracted once, and the variance is that of the result. Keras subtracts it twice,
    and the gradients of that take more operations.

    Call arguments:
        x: `(..., width)`; statistics are always computed in float32.

    Reference: Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450
    """

    def call(self, x):
        centred = ops.cast(x, "float32")
        centred -= ops.mean(centred, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        normalized = centred * ops.rsqrt(variance + self.epsilon)
        gain, offset = ops.cast(self.gamma, "float32"), ops.cast(self.beta, "float32")
        return ops.cast(normalized * gain + offset, x.dtype)
