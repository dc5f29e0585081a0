"""What the builders build, held against the papers' rules and formulas."""

import keras
import numpy as np
import pytest

from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.parsing import parse_config
from genai_keras.errors import UserError
from genai_keras.networks import dcgan, dense
from genai_keras.networks.gan import build_gan_networks


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("shape", "generator_widths", "discriminator_widths"),
    [
        ((28, 28, 1), (64, 32), (32, 64)),
        ((64, 64, 3), (256, 128, 64), (64, 128, 256)),
        ((24, 40, 3), (8, 8, 8), (8,)),
    ],
    ids=str,
)
def test_dcgan_makes_and_judges_images_of_the_size(shape, generator_widths, discriminator_widths):
    generator = dcgan.build_dcgan_generator(10, shape, generator_widths)
    discriminator = dcgan.build_dcgan_discriminator(shape, discriminator_widths)
    images = generator(np.random.default_rng(0).normal(size=(3, 10)))
    assert images.shape == (3, *shape)
    assert float(np.abs(images).max()) <= 1.0
    assert discriminator(images).shape == (3, 1)


def test_dcgan_follows_the_paper():
    generator = dcgan.build_dcgan_generator(100, (64, 64, 3), (256, 128, 64))
    discriminator = dcgan.build_dcgan_discriminator((64, 64, 3), (64, 128, 256), dense_units=0)
    assert kinds(generator)[-2:] == ["Conv2DTranspose", "Activation"]
    assert kinds(generator).count("BatchNormalization") == 3
    assert kinds(discriminator)[1:3] == ["Conv2D", "LeakyReLU"]  # no normalization at the input
    assert kinds(discriminator).count("BatchNormalization") == 2
    assert not {"MaxPooling2D", "UpSampling2D"} & set(kinds(generator) + kinds(discriminator))
    for model in (generator, discriminator):
        for layer in model.layers:
            if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
                assert layer.strides == (2, 2)
                kernel = np.array(layer.kernel)
                error = 4 * 0.02 / np.sqrt(2 * kernel.size)  # four standard errors
                assert kernel.std() == pytest.approx(0.02, abs=error)
                assert abs(kernel.mean()) < 4 * 0.02 / np.sqrt(kernel.size)
            if isinstance(layer, keras.layers.LeakyReLU):
                assert layer.negative_slope == pytest.approx(0.2)


def test_dcgan_parameter_counts():
    """Kernels without biases before a normalization, whose scale and shift are two a channel."""
    generator = dcgan.build_dcgan_generator(64, (28, 28, 1), (64, 32), kernel_size=4)
    expected = 64 * 7 * 7 * 64 + 2 * 64 + 4 * 4 * 64 * 32 + 2 * 32 + (4 * 4 * 32 * 1 + 1)
    assert generator.count_params() - 2 * (64 + 32) == expected  # less the running statistics
    convolutions = (4 * 4 * 32 + 32) + 4 * 4 * 32 * 64 + 2 * 64
    for units, expected in ((0, 7 * 7 * 64 + 1), (10, 7 * 7 * 64 * 10 + 2 * 10 + 10 + 1)):
        discriminator = dcgan.build_dcgan_discriminator((28, 28, 1), (32, 64), 4, dense_units=units)
        count = sum(int(np.prod(v.shape)) for v in discriminator.trainable_variables)
        assert count == convolutions + expected


@pytest.mark.parametrize("units", [0, 16])
def test_only_a_dense_layer_sees_what_far_apart_parts_have_in_common(units):
    """Without it, what two parts change in the logit adds up, as no feature sees both."""
    discriminator = dcgan.build_dcgan_discriminator((28, 28, 1), (4, 8), dense_units=units)
    for weight in discriminator.trainable_variables:
        weight.assign(10 * weight)  # from 0.02, with which everything is nearly linear
    both = np.random.default_rng(0).normal(size=(28, 28, 1)).astype("float32")
    both[:, 4:-4] = 0
    left, right = both.copy(), both.copy()
    left[:, -4:] = right[:, :4] = 0
    of_both, of_left, of_right, of_none = discriminator.predict(
        np.stack([both, left, right, np.zeros_like(both)]), verbose=0
    )[:, 0]
    together = (of_both - of_none) - (of_left - of_none) - (of_right - of_none)
    assert (abs(together) < 1e-4 * abs(of_left - of_right)) == (units == 0)


@pytest.mark.parametrize(
    ("shape", "stages", "names"),
    [
        ((30, 30, 1), 2, "28x28 or 32x32"),
        ((28, 30, 1), 2, "28x28 or 32x32"),
        ((3, 3, 1), 2, "4x4"),
        ((60, 60, 3), 3, "56x56 or 64x64"),
    ],
)
def test_other_sizes_are_told_the_nearest_that_work(shape, stages, names):
    for build in (
        lambda: dcgan.build_dcgan_generator(8, shape, (4,) * stages),
        lambda: dcgan.build_dcgan_discriminator(shape, (4,) * stages),
    ):
        with pytest.raises(UserError, match=names):
            build()


@pytest.mark.parametrize("preset", GANConfig.presets)
def test_every_preset_builds_and_its_gradients_reach_every_weight(preset):
    import tensorflow as tf

    config = parse_config(GANConfig, ["--preset", preset])
    shape = {"mixture": (1,), "photos": (64, 64, 3)}.get(config.dataset, (28, 28, 1))
    generator, discriminator = build_gan_networks(sample_shape=shape, **config.networks())
    with tf.GradientTape() as tape:
        noise = np.random.default_rng(0).normal(size=(4, config.latent_dim))
        fake = generator(noise, training=True)
        loss = tf.reduce_mean(tf.nn.softplus(-discriminator(fake, training=True)))
    weights = generator.trainable_variables + discriminator.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None and np.all(np.isfinite(gradient)), weight.path
        # A batch's own mean takes away what a constant before it adds; all others must learn.
        assert np.any(np.array(gradient) != 0), weight.path


def test_dense_networks_take_any_shape():
    generator = dense.build_dense_generator(5, (3, 2, 2), (7,))
    discriminator = dense.build_dense_discriminator((3, 2, 2), (7, 6))
    assert discriminator(generator(np.zeros((2, 5)))).shape == (2, 1)
    count = sum(int(np.prod(v.shape)) for v in generator.trainable_variables)
    assert count == (5 * 7 + 7) + (7 * 12 + 12)


@pytest.mark.low_precision
def test_low_precision_ends_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    for generator, discriminator in (
        (
            dcgan.build_dcgan_generator(4, (8, 8, 1), (4, 4)),
            dcgan.build_dcgan_discriminator((8, 8, 1), (4, 4)),
        ),
        (
            dense.build_dense_generator(4, (8, 8, 1), (4,)),
            dense.build_dense_discriminator((8, 8, 1), (4,)),
        ),
    ):
        images = generator(np.zeros((2, 4)))
        assert images.dtype == discriminator(images).dtype == "float32"
        assert any(layer.compute_dtype == "bfloat16" for layer in generator.layers)
