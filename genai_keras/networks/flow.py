"""The networks of `train_flow`: the velocity of a sample at a time, for images and for numbers.

Both begin with the velocity that would be best for independent Gaussian numbers, and learn what to
add to it. Each block is told the time by a scale and an offset of its normalized features (Perez et
al. 2018, https://arxiv.org/abs/1709.07871; Peebles and Xie 2023, https://arxiv.org/abs/2212.09748),
and begins as the identity, because its last weights are zero.
"""

import math

import keras
from keras import layers

from genai_keras.errors import UsageError
from genai_keras.layers.normalization import LayerNormalization
from genai_keras.layers.velocity import GaussianVelocity, Standardization, TimeEmbedding
from genai_keras.networks.dcgan import check_size

MIDDLE = 2  # blocks at the smallest size, where they cost least


def build_flow_network(
    network,
    sample_shape,
    widths,
    dense_units=256,
    time_width=128,
    classes=0,
    mean=0.0,
    deviation=1.0,
):
    """Builds the velocity of a flow.

    Args:
        network: "unet" (convolutions for images) or "dense".
        sample_shape: shape of a sample, such as `(28, 28, 1)` or `(1,)`.
        widths: channels of each stage (unet) or units of each hidden layer (dense).
        dense_units: units of each dense layer in the middle of a U-Net.
        time_width: length of the vector that stands for the time and the label.
        classes: number of classes of a third, one-hot input; 0 means no such input.
        mean, deviation: of the numbers of the data, for `GaussianVelocity`.

    Returns:
        A `keras.Model`: `[x, t]` -> the velocity, `(batch, *sample_shape)` float32, with t
        `(batch,)` in [0, 1]; with classes, of `[x, t, label]`.
    """
    if network == "dense":
        return build_dense_velocity(sample_shape, widths, time_width, classes, mean, deviation)
    return build_unet_velocity(
        sample_shape, widths, dense_units, time_width, classes, mean, deviation
    )


def build_dense_velocity(
    sample_shape, widths=(64, 64, 64), time_width=64, classes=0, mean=0.0, deviation=1.0
):
    """Builds the velocity of numbers, or of small images, with dense layers.

    The arguments and the result are those of `build_flow_network`.
    """
    inputs, x, condition = _begin(sample_shape, time_width, classes, mean, deviation)
    x = layers.Flatten()(x)
    for units in widths:
        x = layers.Dense(units)(x)
        x = layers.Add()([x, layers.Dense(units, use_bias=False)(condition)])
        x = _activated(x)
    x = layers.Dense(math.prod(sample_shape), kernel_initializer="zeros", dtype="float32")(x)
    return _end(inputs, layers.Reshape(sample_shape)(x), mean, deviation)


def build_unet_velocity(
    image_shape,
    widths=(16, 48),
    dense_units=256,
    time_width=128,
    classes=0,
    mean=0.0,
    deviation=1.0,
):
    """Builds the velocity of images: stages that halve the size, a middle, and the way back.

    On the way back, each stage also sees the features of the same size on the way down. The middle
    has dense layers that see the whole image: with convolutions alone, parts of digits get sharp
    before they fit together.

    The arguments and the result are those of `build_flow_network`; `2 ** len(widths)` must divide
    height and width.

    Reference: Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597
    """
    check_size(image_shape, stages=len(widths))
    inputs, x, condition = _begin(image_shape, time_width, classes, mean, deviation)
    stages = []
    for stage, filters in enumerate(widths):
        x = layers.Conv2D(filters, 3 if stage else 4, 2, "same")(x)  # height and width halve
        if stage < len(widths) - 1:
            x = _block(x, condition, filters)
            stages.append(x)
    for _ in range(MIDDLE):
        x = _overview(_block(x, condition, widths[-1]), condition, dense_units)
    for filters in reversed(widths[:-1]):
        x = layers.Conv2DTranspose(filters, 4, 2, "same")(x)  # height and width double
        x = layers.Concatenate()([x, stages.pop()])
        x = _block(x, condition, filters)
    x = _activated(LayerNormalization()(x))
    x = layers.Conv2DTranspose(
        image_shape[-1], 4, 2, "same", kernel_initializer="zeros", dtype="float32"
    )(x)
    return _end(inputs, x, mean, deviation)


def _begin(sample_shape, time_width, classes, mean, deviation):
    """The inputs, the standardized x, and the vector of time and label, `(batch, time_width)`."""
    if time_width % 2:
        raise UsageError(
            "`time_width` must be even, because sines and cosines come in pairs: use "
            f"{time_width - 1 or 2} or {time_width + 1}, not {time_width}"
        )
    x, t = keras.Input(sample_shape, name="x"), keras.Input((), name="t")
    inputs = [x, t]
    condition = layers.Dense(time_width)(TimeEmbedding(time_width)(t))
    if classes:
        inputs.append(keras.Input((classes,), name="label"))
        given = layers.Dense(time_width, use_bias=False)(inputs[-1])
        condition = layers.Add()([condition, given])
    condition = _activated(layers.Dense(time_width)(_activated(condition)))
    return inputs, Standardization(mean, deviation)(x, t), condition


def _end(inputs, correction, mean, deviation):
    velocity = GaussianVelocity(mean, deviation, dtype="float32")(*inputs[:2], correction)
    return keras.Model(inputs, velocity, name="velocity")


def _block(x, condition, filters):
    """Two convolutions beside a residual connection."""
    residual = x if x.shape[-1] == filters else layers.Conv2D(filters, 1)(x)
    x = _activated(LayerNormalization()(x))
    x = layers.Conv2D(filters, 3, padding="same")(x)
    x = _activated(_modulated(LayerNormalization()(x), condition))
    x = layers.Conv2D(filters, 3, padding="same", kernel_initializer="zeros")(x)
    return layers.Add()([residual, x])


def _overview(x, condition, units):
    """Two dense layers over all features of an image, beside a residual connection."""
    seen = layers.Dense(units)(layers.Flatten()(LayerNormalization()(x)))
    seen = _activated(layers.Add()([seen, layers.Dense(units)(condition)]))
    back = layers.Dense(math.prod(x.shape[1:]), kernel_initializer="zeros")(seen)
    return layers.Add()([x, layers.Reshape(x.shape[1:])(back)])


def _modulated(x, condition):
    """x with a scale and an offset for each channel, which depend on the condition."""
    channels = x.shape[-1]
    scale = layers.Dense(channels, kernel_initializer="zeros", bias_initializer="ones")(condition)
    offset = layers.Dense(channels, kernel_initializer="zeros")(condition)
    x = layers.Multiply()([x, layers.Reshape((1, 1, channels))(scale)])
    return layers.Add()([x, layers.Reshape((1, 1, channels))(offset)])


def _activated(x):
    return layers.Activation("silu")(x)
