"""A convolutional encoder and decoder for a VAE, for images of any size."""

import math

import keras
from keras import layers

from genai_keras.networks.labels import join_label


def build_conv_encoder(
    image_shape,
    latent_dim,
    widths=(32, 64),
    dense_units=256,
    kernel_size=4,
    activation="elu",
    classes=0,
):
    """Builds image -> stages that halve the size -> mean and log-variance.

    Args:
        image_shape: `(height, width, channels)`, any size; half of an odd side is rounded up.
        latent_dim: length of z.
        widths: channels after each stage.
        dense_units: units of the layer between the last stage and z.
        kernel_size: side of the kernels.
        activation: activation of the hidden layers.
        classes: number of classes of a second, one-hot input; 0 means no such input.

    Returns:
        A `keras.Model`: `(batch, *image_shape)` -> two of `(batch, latent_dim)`, float32; with
        classes, of `[image, label]`.
    """
    image = x = keras.Input(image_shape, name="image")
    for filters in widths:
        x = layers.Conv2D(filters, kernel_size, 2, "same", activation=activation)(x)
    inputs, x = join_label(image, layers.Flatten()(x), classes)
    x = layers.Dense(dense_units, activation=activation)(x)
    mean = layers.Dense(latent_dim, name="mean", dtype="float32")(x)
    log_variance = layers.Dense(latent_dim, name="log_variance", dtype="float32")(x)
    return keras.Model(inputs, [mean, log_variance], name="encoder")


def build_conv_decoder(
    latent_dim,
    image_shape,
    output_channels=None,
    widths=(32, 64),
    dense_units=256,
    kernel_size=4,
    activation="elu",
    classes=0,
):
    """Builds z -> the mirrored encoder -> the parameters of the distribution of each pixel.

    Args:
        latent_dim: length of z.
        image_shape: `(height, width, channels)` of the images.
        output_channels: parameters per pixel; None is one per channel.
        widths: as in the encoder.
        dense_units: as in the encoder.
        kernel_size: side of the kernels.
        activation: activation of the hidden layers.
        classes: as in the encoder.

    Returns:
        A `keras.Model`: `(batch, latent_dim)` -> `(batch, height, width, outputs)`, float32; with
        classes, of `[z, label]`.
    """
    height, width, channels = image_shape
    # The sizes in the encoder, such as 30, 15, 8.
    sizes = [(height, width)]
    for _ in widths:
        sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))
    base = sizes.pop()
    z = keras.Input((latent_dim,), name="z")
    inputs, x = join_label(z, z, classes)
    x = layers.Dense(dense_units, activation=activation)(x)
    x = layers.Dense(base[0] * base[1] * widths[-1], activation=activation)(x)
    x = layers.Reshape((*base, widths[-1]))(x)
    outputs = [*widths[-2::-1], output_channels or channels]
    for stage, (filters, size) in enumerate(zip(outputs, reversed(sizes), strict=True), start=1):
        bend = activation if stage < len(outputs) else None
        x = layers.Conv2DTranspose(filters, kernel_size, 2, "same", activation=bend)(x)
        surplus = [(0, made - wanted) for made, wanted in zip(x.shape[1:3], size, strict=True)]
        if any(cut for _, cut in surplus):  # where the encoder rounded up half of an odd side
            x = layers.Cropping2D(surplus)(x)
    parameters = layers.Activation(None, dtype="float32")(x)
    return keras.Model(inputs, parameters, name="decoder")
