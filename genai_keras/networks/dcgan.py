"""The DCGAN of Radford, Metz and Chintala (2016), for any size that its stages divide.

It has strided convolutions instead of pooling; batch normalization everywhere except at the output
of the generator and the input of the discriminator; ReLU in the generator, LeakyReLU 0.2 in the
discriminator; and weights from N(0, 0.02). Unlike theirs, the discriminator has a dense layer that
sees the whole image. Reference: https://arxiv.org/abs/1511.06434
"""

import keras
from keras import layers

from genai_keras.errors import UsageError
from genai_keras.networks.labels import join_label, match_label

# For the running batch statistics, which inference uses: they follow the weights within about 10
# steps. The default of Keras, 0.99, is too slow for the generator of a short run.
MOMENTUM = 0.9


def build_dcgan_generator(latent_dim, image_shape, widths=(64, 32), kernel_size=4, classes=0):
    """Builds noise -> a small map of `widths[0]` channels -> stages that double the size.

    Args:
        latent_dim: length of the noise vector.
        image_shape: `(height, width, channels)`; `2 ** len(widths)` must divide height and width.
        widths: channels before each stage: (256, 128, 64) makes 8x8x256, 16x16x128, 32x32x64 and
            then 64x64 images.
        kernel_size: side of the kernels; a multiple of the stride 2 avoids checkerboard patterns.
        classes: number of classes of a second, one-hot input; 0 means no such input.

    Returns:
        A `keras.Model`: `(batch, latent_dim)` -> `(batch, *image_shape)` in [-1, 1], float32; with
        classes, of `[noise, label]`.
    """
    channels = image_shape[-1]
    base = check_size(image_shape, stages=len(widths))
    noise = keras.Input((latent_dim,), name="noise")
    inputs, x = join_label(noise, noise, classes)
    x = layers.Dense(base[0] * base[1] * widths[0], use_bias=False, kernel_initializer=_normal())(x)
    x = layers.Reshape((*base, widths[0]))(x)  # (batch, height / 2^stages, width / 2^stages, C)
    for filters in widths[1:]:
        x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = layers.ReLU()(x)
        x = layers.Conv2DTranspose(
            filters, kernel_size, 2, "same", use_bias=False, kernel_initializer=_normal()
        )(x)  # height and width double
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    x = layers.ReLU()(x)
    x = layers.Conv2DTranspose(channels, kernel_size, 2, "same", kernel_initializer=_normal())(x)
    image = layers.Activation("tanh", dtype="float32")(x)  # (batch, height, width, channels)
    return keras.Model(inputs, image, name="generator")


def build_dcgan_discriminator(
    image_shape, widths=(32, 64), kernel_size=5, classes=0, dense_units=256
):
    """Builds image -> stages that halve the size -> a dense layer -> one logit.

    After two stages, a feature sees 13 of 28 pixels. Without the dense layer, the logit is a sum of
    judgements of such parts, which cannot say whether they belong together.

    Args:
        image_shape: `(height, width, channels)`; `2 ** len(widths)` must divide height and width.
        widths: channels after each stage.
        kernel_size: side of the kernels.
        classes: as in the generator.
        dense_units: units of the dense layer; 0 for none, as in the paper.

    Returns:
        A `keras.Model`: `(batch, *image_shape)` -> `(batch, 1)`, float32; positive means real.
        With classes, of `[image, label]`.
    """
    check_size(image_shape, stages=len(widths))
    image = x = keras.Input(image_shape, name="image")
    for stage, filters in enumerate(widths):
        first = stage == 0
        x = layers.Conv2D(
            filters, kernel_size, 2, "same", use_bias=first, kernel_initializer=_normal()
        )(x)  # height and width halve
        if not first:
            x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten()(x)
    if dense_units:
        x = layers.Dense(dense_units, use_bias=False, kernel_initializer=_normal())(x)
        x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = layers.LeakyReLU(0.2)(x)
    logit = layers.Dense(1, kernel_initializer=_normal(), dtype="float32")(x)
    inputs, logit = match_label(image, x, logit, classes, _normal())
    return keras.Model(inputs, logit, name="discriminator")


def check_size(image_shape, stages):
    """The height and width before the first doubling; the error names sizes that would work."""
    height, width, _ = image_shape
    step = 2**stages
    if height % step or width % step:
        nearest = sorted(
            {
                (max(1, height // step + up) * step, max(1, width // step + up) * step)
                for up in (0, 1)
            }
        )
        names = " or ".join(f"{h}x{w}" for h, w in nearest)
        raise UsageError(
            f"images of {height}x{width} cannot be halved {stages} times. The nearest sizes that "
            f"can are {names}: resize with `image_size={nearest[0][0]}`"
        )
    return height // step, width // step


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)
