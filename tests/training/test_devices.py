"""The law of several devices: N replicas compute what one computes, to rounding."""

import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from families import (
    BINARY,
    FAMILIES,
    IMAGES,
    batches,
    dense_gan,
    difference,
    sgd,
    trained,
)

from genai_keras import replicas
from genai_keras.errors import UserError
from genai_keras.layers.dropout import Dropout
from genai_keras.models.gan import GAN
from genai_keras.networks.dense import build_dense_discriminator
from genai_keras.training.devices import on_devices, training_batches


@functools.cache
def alone(family):
    return trained(*FAMILIES[family])


@pytest.mark.parametrize("devices", ["2", "4"])
@pytest.mark.parametrize("family", FAMILIES)
def test_replicas_compute_what_one_computes(family, devices):
    (weights, _, history), (others, _, of_others) = (
        alone(family), trained(*FAMILIES[family], devices),
    )  # fmt: skip
    assert difference(weights, others) < 1e-4
    assert history.keys() == of_others.keys()
    for name in history:
        np.testing.assert_allclose(of_others[name], history[name], rtol=2e-4, atol=2e-4)


def added_up(optimizer, gradients, weights):
    """The gradients of undivided losses."""
    optimizer.apply(gradients, weights)


def clipped_first(optimizer, gradients, weights):
    """The mean of the gradients, each of them clipped."""
    parts = [gradient / replicas.count() for gradient in gradients]
    optimizer.global_clipnorm /= replicas.count()  # so that the scale of all parts is right
    optimizer.apply(parts, weights)
    optimizer.global_clipnorm *= replicas.count()


def same_for_all(draw, shape, axis=0):
    return draw(shape)


def unset(layer):
    return False


WRONG = {
    "undivided losses": ("dense gan", "apply_gradients", added_up),
    "clipping before the sum": ("language model", "apply_gradients", clipped_first),
    "identical noise": ("dense gan", "own_part", same_for_all),
    "identical noise of a VAE": ("vae", "own_part", same_for_all),
    "identical noise of a flow": ("conditional flow", "own_part", same_for_all),
    "identical dropout": ("language model", "own_part", same_for_all),
    "unsynchronized statistics": ("dense gan", "synchronized", property(unset, lambda *_: None)),
    "means that do not count tokens": ("encoder-decoder", "weight", lambda samples: 1.0),
    "free bits of each part": ("vae with free bits", "mean", lambda values: values),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_would_break_the_law(monkeypatch, wrong):
    family, name, function = WRONG[wrong]
    weights, *_ = alone(family)
    if name == "synchronized":
        monkeypatch.setattr(keras.layers.BatchNormalization, name, function, raising=False)
    elif wrong == "free bits of each part":
        monkeypatch.setattr(
            "genai_keras.models.vae.replicas",
            types.SimpleNamespace(mean=function, apply_gradients=replicas.apply_gradients),
        )
    else:
        monkeypatch.setattr(replicas, name, function)
    others, *_ = trained(*FAMILIES[family], "2")
    assert difference(weights, others) > 1e-4


@pytest.mark.parametrize("data", ["array", "dataset", "validation"])
def test_data_that_keras_would_divide_are_refused(data):
    """17 samples would leave a device without any, and with a loss that is no number."""
    with on_devices("2"), pytest.raises(ValueError, match="training_batches"):
        gan = dense_gan()
        images = tf.data.Dataset.from_tensor_slices(IMAGES[:17]).batch(8)
        if data == "validation":
            gan.evaluate(images, verbose=0)
        else:
            gan.fit(IMAGES[:17] if data == "array" else images, verbose=0)


class Unused(keras.Model):
    """A generator with a layer that it never calls."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.used, self.unused = keras.layers.Dense(64), keras.layers.Dense(3)
        self.shape = keras.layers.Reshape((8, 8, 1))

    def build(self, input_shape):
        self.used.build(input_shape)
        self.unused.build(input_shape)

    def call(self, noise):
        return self.shape(self.used(noise))

    def get_config(self):
        return {}


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # Keras says so on one device, too
def test_weights_without_a_gradient_are_left_alone():
    with on_devices("2"):
        generator = Unused()
        gan = GAN(generator, build_dense_discriminator((8, 8, 1), (9,)), latent_dim=5)
        gan.compile(sgd(), sgd())
        before = [generator.used.kernel.numpy(), generator.unused.kernel.numpy()]
        gan.fit(training_batches(batches(IMAGES)), steps_per_epoch=2, verbose=0, shuffle=False)
        assert not np.array_equal(generator.used.kernel.numpy(), before[0])
        np.testing.assert_array_equal(generator.unused.kernel.numpy(), before[1])


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="leave `noise_shape` out"):
        Dropout(0.5, noise_shape=(None, 1, 4))


def test_a_batch_that_cannot_be_divided_is_told():
    with pytest.raises(
        UserError, match=r"8 samples cannot be divided among 3 devices.*batch_size=6"
    ):
        batches(IMAGES).shuffled(replicas=3)


def test_a_batch_in_parts_is_the_batch():
    for data in (batches(IMAGES), BINARY):
        whole = list(data.shuffled(1).take(3).as_numpy_iterator())
        halves = [
            list(data.shuffled(1, 4, first, 2).take(6).as_numpy_iterator()) for first in (0, 2)
        ]
        for step, batch in enumerate(whole):
            parts = [part for half in halves for part in half[2 * step : 2 * step + 2]]
            np.testing.assert_array_equal(np.concatenate(parts), batch)
