"""Networks of dense layers: the generators and discriminators of `dense-1d`, `dense` and `mlp`."""

import math

import keras
from keras import layers


def build_dense_generator(
    latent_dim, output_shape, widths, output_activation="tanh", normalize=False
):
    """Builds noise -> dense layers -> a sample of any shape.

    Args:
        latent_dim: length of the noise vector.
        output_shape: shape of a sample, such as `(28, 28, 1)` or `(1,)`.
        widths: units of each hidden layer.
        output_activation: "tanh" for pictures in [-1, 1], None for numbers without bounds.
        normalize: put batch normalization behind every hidden layer.

    Returns:
        A `keras.Model`: `(batch, latent_dim)` -> `(batch, *output_shape)`, float32.
    """
    noise = x = keras.Input((latent_dim,), name="noise")
    for units in widths:
        x = layers.Dense(units, use_bias=not normalize)(x)
        if normalize:
            x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Dense(math.prod(output_shape))(x)
    x = layers.Reshape(output_shape)(x)
    sample = layers.Activation(output_activation, dtype="float32")(x)
    return keras.Model(noise, sample, name="generator")


def build_dense_discriminator(input_shape, widths):
    """Builds sample -> dense layers -> one logit.

    Args:
        input_shape: shape of a sample.
        widths: units of each hidden layer.

    Returns:
        A `keras.Model`: `(batch, *input_shape)` -> `(batch, 1)`, float32; positive means real.
    """
    sample = keras.Input(input_shape, name="sample")
    x = layers.Flatten()(sample)
    for units in widths:
        # With biases of zero all of a layer's kinks would lie at 0, and a function of one number
        # has no other place to bend: they are spread as far as the weights reach.
        reach = 1.0 / math.sqrt(x.shape[-1])
        spread = keras.initializers.RandomUniform(-reach, reach)
        x = layers.Dense(units, bias_initializer=spread)(x)
        x = layers.LeakyReLU(0.2)(x)
    logit = layers.Dense(1, dtype="float32")(x)
    return keras.Model(sample, logit, name="discriminator")


def build_dense_encoder(input_shape, latent_dim, widths, activation="relu"):
    """Builds sample -> dense layers -> mean and log-variance of z.

    Args:
        input_shape: shape of a sample.
        latent_dim: length of z.
        widths: units of each hidden layer.
        activation: of the hidden layers.

    Returns:
        A `keras.Model`: `(batch, *input_shape)` -> two of `(batch, latent_dim)`, float32.
    """
    sample = keras.Input(input_shape, name="sample")
    x = layers.Flatten()(sample)
    for units in widths:
        x = layers.Dense(units, activation=activation)(x)
    # Linear both: a mean may be negative, and so may the logarithm of a variance.
    mean = layers.Dense(latent_dim, name="mean", dtype="float32")(x)
    log_variance = layers.Dense(latent_dim, name="log_variance", dtype="float32")(x)
    return keras.Model(sample, [mean, log_variance], name="encoder")


def build_dense_decoder(latent_dim, output_shape, widths, activation="relu"):
    """Builds z -> dense layers -> the parameters of every pixel's distribution.

    Args:
        latent_dim: length of z.
        output_shape: shape of the parameters, such as `(28, 28, 1)`.
        widths: units of each hidden layer, in the order that z meets them.
        activation: of the hidden layers.

    Returns:
        A `keras.Model`: `(batch, latent_dim)` -> `(batch, *output_shape)`, float32.
    """
    z = x = keras.Input((latent_dim,), name="z")
    for units in widths:
        x = layers.Dense(units, activation=activation)(x)
    x = layers.Dense(math.prod(output_shape), dtype="float32")(x)
    return keras.Model(z, layers.Reshape(output_shape, dtype="float32")(x), name="decoder")
