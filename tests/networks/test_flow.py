"""The networks of a flow: the sizes they take, where they begin, and what they are told."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import refused

from genai_keras.cli.flow_options import FlowConfig
from genai_keras.cli.parsing import parse_config
from genai_keras.errors import UsageError
from genai_keras.layers.velocity import GaussianVelocity, TimeEmbedding
from genai_keras.networks.flow import (
    build_dense_velocity,
    build_flow_network,
    build_unet_velocity,
)

random = np.random.default_rng(0)


def inputs_for(shape, classes=0, count=3):
    x = random.normal(size=(count, *shape)).astype("float32")
    t = np.linspace(0.1, 0.9, count).astype("float32")
    return [x, t] + ([np.eye(classes, dtype="float32")[np.arange(count) % classes]]
                     if classes else [])  # fmt: skip


def shaken(network):
    """The same network with other weights, so that nothing is zero."""
    network.set_weights([w + random.normal(size=w.shape) / 4 for w in network.get_weights()])
    return network


@pytest.mark.parametrize(
    ("shape", "widths"),
    [((28, 28, 1), (4, 6)), ((8, 8, 3), (4,)), ((16, 24, 3), (4, 4, 4)), ((4, 4, 1), (6, 4))],
    ids=str,
)
@pytest.mark.parametrize("classes", [0, 3])
def test_a_unet_takes_images_of_any_size_that_can_be_halved(shape, widths, classes):
    network = build_unet_velocity(shape, widths, 5, 8, classes, mean=-0.3, deviation=0.6)
    given = inputs_for(shape, classes)
    found = network(given)
    assert found.shape == given[0].shape and found.dtype == "float32"
    # It begins as the velocity of Gaussian data.
    first = GaussianVelocity(-0.3, 0.6)(given[0], given[1], np.zeros_like(given[0]))
    assert np.array(found) == pytest.approx(np.array(first), abs=1e-6)
    assert np.abs(np.array(shaken(network)(given)) - first).max() > 0.1


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("classes", [0, 3])
def test_dense_layers_take_any_shape(shape, classes):
    network = build_dense_velocity(shape, (7, 6), 4, classes, mean=1.0, deviation=2.0)
    given = inputs_for(shape, classes)
    found = network(given)
    assert found.shape == given[0].shape
    first = GaussianVelocity(1.0, 2.0)(given[0], given[1], np.zeros_like(given[0]))
    assert np.array(found) == pytest.approx(np.array(first), abs=1e-6)
    assert np.abs(np.array(shaken(network)(given)) - first).max() > 0.1


@pytest.mark.parametrize("network", ["unet", "dense"])
def test_each_sample_is_told_its_own_time_and_label(network):
    build = shaken(build_flow_network(network, (8, 8, 1), (4, 4), 5, 8, classes=3))
    x, t, label = inputs_for((8, 8, 1), 3)
    x = np.repeat(x[:1], 3, axis=0)
    whole = np.array(build([x, t, label]))
    for i in range(3):
        alone = np.array(build([x[i : i + 1], t[i : i + 1], label[i : i + 1]]))
        assert alone[0] == pytest.approx(whole[i], abs=1e-4)
    other_label = np.array(build([x, t, label[::-1]]))
    assert np.abs(other_label - whole).max() > 1e-3
    # The time counts beyond the formula of the Gaussian velocity: two of its waves are enough.
    without = keras.Model(build.inputs, build.layers[-1].input[-1])
    corrections = np.array(without([x, t, np.repeat(label[:1], 3, axis=0)]))
    assert np.abs(corrections[0] - corrections[1]).max() > 1e-3


def test_a_pixel_of_a_unet_is_told_of_all_others():
    """By the dense layer in the middle; convolutions of one stage would see 7 x 7 pixels."""
    network = shaken(build_unet_velocity((32, 32, 1), (4,), 6, 8))
    x, t = inputs_for((32, 32, 1), count=1)
    other = x.copy()
    other[0, :2, :2] += 1.0
    change = np.abs(np.array(network([x, t])) - np.array(network([other, t])))
    assert change[0, -4:, -4:].max() > 1e-4


@pytest.mark.parametrize("preset", FlowConfig.presets)
@pytest.mark.parametrize("classes", [0, 3])
def test_every_preset_builds_and_its_gradients_reach_every_weight(preset, classes):
    config = parse_config(FlowConfig, ["--preset", preset])
    shape = (1,) if config.learns_numbers else (28, 28, 1)
    network = shaken(build_flow_network(sample_shape=shape, classes=classes, **config.networks()))
    given = inputs_for(shape, classes)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(given, training=True) - given[0]))
    weights = network.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.all(np.isfinite(gradient)) and np.any(np.array(gradient) != 0), weight.path


@pytest.mark.parametrize(
    ("shape", "stages", "names"),
    [((30, 30, 1), 2, "28x28 or 32x32"), ((28, 30, 1), 2, "28x28 or 32x32"),
     ((3, 3, 1), 2, "4x4"), ((60, 60, 3), 3, "56x56 or 64x64")],
)  # fmt: skip
def test_other_sizes_are_told_the_nearest_that_work(shape, stages, names):
    refused(lambda: build_unet_velocity(shape, (4,) * stages), names, "image_size")


@pytest.mark.parametrize("network", ["unet", "dense"])
def test_an_odd_vector_of_times_is_told_the_nearest_that_work(network):
    with pytest.raises(UsageError, match=r"`time_width` must be even.* 8 or 10, not 9"):
        build_flow_network(network, (8, 8, 1), (4,), 5, time_width=9)


def test_low_precision_ends_in_float32_and_knows_the_time():
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build_unet_velocity((8, 8, 1), (4,), 5, 8)
    narrow = [layer for layer in network.layers if layer.compute_dtype == "bfloat16"]
    assert len(narrow) > 5 and network.outputs[0].dtype == "float32"
    assert network.layers[-1].compute_dtype == "float32"
    embedding = next(each for each in network.layers if isinstance(each, TimeEmbedding))
    waves = keras.Model(network.inputs, embedding.output)
    x = np.zeros((2, 8, 8, 1), "float32")
    t = np.array([0.9985, 0.9999], "float32")  # the same in 16 bits
    first, second = np.array(waves([x, t]), "float32")
    assert np.abs(first - second).max() > 0.02
