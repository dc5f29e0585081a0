"""GELU against SciPy's normal distribution, and its gradient against finite differences."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from genai_keras.layers.activations import gelu

POINTS = np.concatenate([np.linspace(-6.0, 6.0, 49), [-40.0, 40.0]])


def test_it_is_x_times_the_normal_distribution():
    np.testing.assert_allclose(gelu(tf.constant(POINTS)), POINTS * norm.cdf(POINTS), atol=1e-14)
    in_float32 = gelu(tf.constant(POINTS, "float32"))
    np.testing.assert_allclose(in_float32, POINTS * norm.cdf(POINTS), atol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_its_gradients_are_the_slopes(order):
    def derived(x, times):
        if not times:
            return gelu(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = derived(x, times - 1)
        return tape.gradient(y, x)

    x, step = tf.constant(POINTS), 1e-5
    slopes = (derived(x + step, order - 1) - derived(x - step, order - 1)) / (2 * step)
    np.testing.assert_allclose(derived(x, order), slopes, atol=1e-9)
