"""Layers of the velocity of a flow: the time as a vector, and where to begin."""

import keras
import numpy as np
from keras import ops

from genai_keras.errors import UserError

# Radians per unit of time. Faster waves make a velocity with ripples, which solvers follow badly.
SLOWEST, FASTEST = 1.0, 30.0


@keras.saving.register_keras_serializable(package="genai_keras")
class TimeEmbedding(keras.layers.Layer):
    """Sines and cosines of the time, from slow ones to fast ones.

    A network sees one number among hundreds of pixels badly; it sees which of many waves are up.

    Args:
        width: length of the vector, an even number.

    Call arguments:
        t: `(batch,)` in [0, 1]; the result is `(batch, width)`.

    Reference: Vaswani et al. 2017, section 3.5, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, width, **kwargs):
        super().__init__(autocast=False, **kwargs)  # a time in 16 bits would be another time
        if width % 2:
            raise UserError(f"sines and cosines come in pairs: the width must be even, not {width}")
        self.width = width

    def call(self, t):
        frequencies = np.geomspace(SLOWEST, FASTEST, self.width // 2).astype("float32")
        angles = ops.cast(t, "float32")[:, None] * frequencies  # (batch, width / 2)
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return ops.cast(waves, self.compute_dtype)

    def compute_output_shape(self, t_shape):
        return (*t_shape, self.width)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="genai_keras")
class Standardization(keras.layers.Layer):
    """Samples on their way from noise to data, with mean 0 and variance 1 at all times.

    Args:
        mean, deviation: of the numbers of the data; noise has 0 and 1.

    Call arguments:
        x: `(batch, ...)`, at time t a fraction t of data and 1 - t of noise.
        t: `(batch,)`.

    Reference: Karras et al. 2022, section 5, https://arxiv.org/abs/2206.00364
    """

    def __init__(self, mean=0.0, deviation=1.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.mean = mean
        self.deviation = deviation

    def call(self, x, t):
        t, variance = self._on_the_way(x, t)
        centred = ops.cast(x, "float32") - self.mean * t
        return ops.cast(centred * ops.rsqrt(variance), self.compute_dtype)

    def _on_the_way(self, x, t):
        """The times in the shape `(batch, 1, ...)`, and the variance of x at them."""
        t = ops.reshape(ops.cast(t, "float32"), (-1, *[1] * (len(x.shape) - 1)))
        return t, ops.square(self.deviation * t) + ops.square(1.0 - t)

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "deviation": self.deviation}


@keras.saving.register_keras_serializable(package="genai_keras")
class GaussianVelocity(Standardization):
    """The best velocity for data of independent Gaussian numbers, plus a learned correction.

    For these data, E[data - noise | x] is linear in x, and its error has the standard deviation
    `deviation / sqrt(variance of x)`. The correction is learned in units of that, so it is neither
    tiny nor huge at any time.

    Call arguments:
        x, t: as in `Standardization`.
        correction: `(batch, ...)`, of the shape of x.
    """

    def call(self, x, t, correction):
        x, correction = ops.cast(x, "float32"), ops.cast(correction, "float32")
        t, variance = self._on_the_way(x, t)
        slope = (t * self.deviation**2 - (1.0 - t)) / variance
        error = self.deviation * ops.rsqrt(variance)
        return self.mean + slope * (x - self.mean * t) + error * correction
