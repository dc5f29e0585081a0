"""Layer normalization: its values by NumPy in float64, its gradients by Keras' own layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genai_keras.layers.normalization import LayerNormalization

rng = np.random.default_rng(0)
WIDTH = 12
X = (3.0 + 2.0 * rng.normal(size=(4, 5, WIDTH))).astype("float32")
GAIN, OFFSET = rng.normal(size=(2, WIDTH)).astype("float32")


def make(kind, **arguments):
    layer = kind(epsilon=1e-5, **arguments)
    layer.build(X.shape)
    layer.set_weights([GAIN, OFFSET])
    return layer


def by_numpy(x):
    x = x.astype("float64")
    variance = x.var(axis=-1, keepdims=True)
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(variance + 1e-5) * GAIN + OFFSET


# Far from 0, the mean of squares less the square of the mean would be wrong by 0.1.
@pytest.mark.parametrize(("shift", "tolerance"), [(0.0, 1e-5), (1000.0, 1e-3)])
def test_values(shift, tolerance):
    x = X + np.float32(shift)
    np.testing.assert_allclose(make(LayerNormalization)(x), by_numpy(x), atol=tolerance)


def test_a_constant_vector_gives_the_offset():
    np.testing.assert_array_equal(
        make(LayerNormalization)(np.ones((2, WIDTH), "float32"))[0], OFFSET
    )


def test_gradients():
    upstream = rng.normal(size=X.shape).astype("float32")
    found = []
    for kind in (LayerNormalization, keras.layers.LayerNormalization):
        layer, x = make(kind), tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        inputs = [x, *(v.value for v in layer.trainable_variables)]
        found.append(tape.gradient(y, inputs, output_gradients=upstream))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.low_precision
def test_low_precision_keeps_its_type_and_is_near():
    y = make(LayerNormalization, dtype="bfloat16")(tf.cast(X, "bfloat16"))
    assert y.dtype == "bfloat16"
    np.testing.assert_allclose(tf.cast(y, "float32"), by_numpy(X), atol=0.05)


def test_it_comes_back_from_its_config():
    layer = make(LayerNormalization)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is LayerNormalization and again.epsilon == 1e-5
