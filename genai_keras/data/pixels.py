"""Black-and-white images as sequences of pixels, row by row from the top left."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from genai_keras.data.images import load_images


def load_pixels(
    dataset, data_dir=None, batch_size=64, seed=0, limit=None, image_size=14, steps_per_epoch=None
):
    """Loads images in two parts, binarized, as sequences of 0 (black) and 1 (white).

    They are the images of `load_images` with `binarize`, so likelihoods under a VAE and under an
    autoregressive model refer to the same data.

    Args:
        dataset, data_dir, batch_size, seed, limit: as in `load_images`.
        image_size: side in pixels to resize to.
        steps_per_epoch: training steps per epoch; None is one pass over the data.

    Returns:
        `(training, validation)`, two `Batches` of `(image_size ** 2,)`, float32 0 and 1.
    """
    parts = load_images(
        dataset,
        data_dir,
        batch_size,
        seed,
        limit,
        image_size=image_size,
        channels=1,
        value_range=(0, 1),
        binarize=True,
    )
    train, validation = (_flat(part) for part in parts)
    return dataclasses.replace(train, epoch_steps=steps_per_epoch), validation


def _flat(part):
    length = math.prod(part.element_shape)
    return dataclasses.replace(
        part,
        element_shape=(length,),
        fetch=lambda indices: tf.reshape(part.fetch(indices), (-1, length)),
    )


def as_images(part):
    """`Batches` of sequences as `Batches` of images, `(side, side, 1)`."""
    side = round(part.element_shape[0] ** 0.5)
    return dataclasses.replace(
        part,
        element_shape=(side, side, 1),
        fetch=lambda indices: tf.reshape(part.fetch(indices), (-1, side, side, 1)),
    )


def to_images(sequences):
    """Sequences of pixels, `(n, side ** 2)`, back to images, `(n, side, side, 1)` float32."""
    side = round(np.shape(sequences)[1] ** 0.5)
    return np.reshape(sequences, (-1, side, side, 1)).astype("float32")


def upper_half(sequences):
    """Number of pixels in the upper half of an image, whole rows, for sequences `(n, pixels)`."""
    side = round(np.shape(sequences)[1] ** 0.5)
    return side * (side // 2)
