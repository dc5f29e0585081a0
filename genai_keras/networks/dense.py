"""Networks of dense layers, such as those of the presets `dense-1d`, `dense` and `mlp`."""

import math

import keras
from keras import layers

from genai_keras.networks.labels import join_label, match_label


def build_dense_generator(
    latent_dim, output_shape, widths, output_activation="tanh", normalize=False, classes=0
):
    """Builds noise -> dense layers -> a sample of any shape.

    Args:
        latent_dim: length of the noise vector.
        output_shape: shape of a sample, such as `(28, 28, 1)` or `(1,)`.
        widths: units of each hidden layer.
        output_activation: "tanh" for images in [-1, 1], None for numbers without bounds.
        normalize: whether to put batch normalization after every hidden layer.
        classes: number of classes of a second, one-hot input; 0 means no such input.

    Returns:
        A `keras.Model`: `(batch, latent_dim)` -> `(batch, *output_shape)`, float32; with classes,
        of `[noise, label]`.
    """
    noise = keras.Input((latent_dim,), name="noise")
    inputs, x = join_label(noise, noise, classes)
    for units in widths:
        x = layers.Dense(units, use_bias=not normalize)(x)
        if normalize:
            x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Dense(math.prod(output_shape))(x)
    x = layers.Reshape(output_shape)(x)
    sample = layers.Activation(output_activation, dtype="float32")(x)
    return keras.Model(inputs, sample, name="generator")


def build_dense_discriminator(input_shape, widths, classes=0):
    """Builds sample -> dense layers -> one logit.

    Args:
        input_shape: shape of a sample.
        widths: units of each hidden layer.
        classes: as in the generator.

    Returns:
        A `keras.Model`: `(batch, *input_shape)` -> `(batch, 1)`, float32; positive means real.
        With classes, of `[sample, label]`.
    """
    sample = keras.Input(input_shape, name="sample")
    x = layers.Flatten()(sample)
    for units in widths:
        # With zero biases, all kinks of a layer would be at 0, so a function of one number could
        # bend only there. They are spread as widely as the weights.
        reach = 1.0 / math.sqrt(x.shape[-1])
        spread = keras.initializers.RandomUniform(-reach, reach)
        x = layers.Dense(units, bias_initializer=spread)(x)
        x = layers.LeakyReLU(0.2)(x)
    logit = layers.Dense(1, dtype="float32")(x)
    inputs, logit = match_label(sample, x, logit, classes)
    return keras.Model(inputs, logit, name="discriminator")


def build_dense_encoder(input_shape, latent_dim, widths, activation="relu", classes=0):
    """Builds sample -> dense layers -> mean and log-variance of z.

    Args:
        input_shape: shape of a sample.
        latent_dim: length of z.
        widths: units of each hidden layer.
        activation: activation of the hidden layers.
        classes: number of classes of a second, one-hot input; 0 means no such input.

    Returns:
        A `keras.Model`: `(batch, *input_shape)` -> two of `(batch, latent_dim)`, float32; with
        classes, of `[sample, label]`.
    """
    sample = keras.Input(input_shape, name="sample")
    inputs, x = join_label(sample, layers.Flatten()(sample), classes)
    for units in widths:
        x = layers.Dense(units, activation=activation)(x)
    # Both are linear, because a mean and the logarithm of a variance may be negative.
    mean = layers.Dense(latent_dim, name="mean", dtype="float32")(x)
    log_variance = layers.Dense(latent_dim, name="log_variance", dtype="float32")(x)
    return keras.Model(inputs, [mean, log_variance], name="encoder")


def build_dense_decoder(latent_dim, output_shape, widths, activation="relu", classes=0):
    """Builds z -> dense layers -> the parameters of the distribution of each pixel.

    Args:
        latent_dim: length of z.
        output_shape: shape of the parameters, such as `(28, 28, 1)`.
        widths: units of each hidden layer, starting from z.
        activation: activation of the hidden layers.
        classes: as in the encoder.

    Returns:
        A `keras.Model`: `(batch, latent_dim)` -> `(batch, *output_shape)`, float32; with classes,
        of `[z, label]`.
    """
    z = keras.Input((latent_dim,), name="z")
    inputs, x = join_label(z, z, classes)
    for units in widths:
        x = layers.Dense(units, activation=activation)(x)
    x = layers.Dense(math.prod(output_shape), dtype="float32")(x)
    return keras.Model(inputs, layers.Reshape(output_shape, dtype="float32")(x), name="decoder")
