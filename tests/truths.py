"""What a flow should learn, in NumPy: the velocity and the density that are known exactly."""

import numpy as np
import tensorflow as tf
from scipy import stats

from genai_keras.data.toy import GaussianMixture

MIXTURE = GaussianMixture()


class MixtureVelocity:
    """E[x1 - x0 | (1 - t) x0 + t x1 = x], with x0 from N(0, 1) and x1 from a Gaussian mixture.

    Given the mode k of x1, the point on the way and the velocity are jointly Gaussian: the point
    has mean t m and variance v = (1 - t)^2 + (t s)^2, the velocity has mean m, and their covariance
    is t s^2 - (1 - t). The mean over the modes takes their probabilities given x.
    """

    def __init__(self, mixture=MIXTURE):
        self.modes = list(zip(mixture.weights, mixture.means, mixture.deviations, strict=True))

    def density(self, x, t):
        """The density of the points on the way at time t, of the shape of x."""
        return sum(w * stats.norm.pdf(x, t * m, self.width(t, s)) for w, m, s in self.modes)

    def __call__(self, x, t):
        found = 0.0
        for w, m, s in self.modes:
            given = m + (t * s**2 - (1 - t)) / self.width(t, s) ** 2 * (x - t * m)
            found = found + w * stats.norm.pdf(x, t * m, self.width(t, s)) * given
        return found / self.density(x, t)

    def in_tensorflow(self, x, t):
        """The same, where gradients are needed."""
        weights, means, widths = (tf.constant(each) for each in zip(*self.modes, strict=True))
        variance = (1.0 - t) ** 2 + (t * widths) ** 2
        away = x - t * means  # (batch, modes)
        logits = tf.math.log(weights) - 0.5 * (tf.math.log(variance) + away**2 / variance)
        given = means + (t * widths**2 - (1.0 - t)) / variance * away
        return tf.reduce_sum(tf.nn.softmax(logits) * given, axis=1, keepdims=True)

    @staticmethod
    def width(t, deviation):
        return np.sqrt((1 - t) ** 2 + (t * deviation) ** 2)
