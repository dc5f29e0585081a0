"""Trains a LeNet, as a feature extractor or to measure how images help a classifier."""

import keras
import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.evaluation.features import checked_images
from genai_keras.networks.lenet import SIDE, build_lenet

SHIFTS = 718  # any constant


def train_lenet(
    images,
    labels,
    epochs=None,
    seed=0,
    steps=None,
    batch_size=64,
    learning_rate=1e-3,
    shift=1,
    classes=10,
    verbose=0,
):
    """Trains a LeNet with Adam and a learning rate that falls to 0 along a cosine.

    Args:
        images: `(n, 28, 28, 1)` in [0, 1].
        labels: `(n,)` int.
        epochs: passes over the images; give either this or `steps`.
        seed: seed of the weights, the order and the shifts. Equal seeds give equal weights on the
            same machine with the same number of cores.
        steps: training steps.
        batch_size: images per step, or all if there are fewer.
        learning_rate: learning rate of Adam at the beginning.
        shift: largest random shift of an image in each direction, in pixels, at each step.
        classes: number of classes.
        verbose: as in `fit`.

    Returns:
        A `keras.Model` from `build_lenet`.

    Raises:
        ValueError: images and labels do not fit, or both or none of epochs and steps are given.
    """
    images, labels = checked_images(images), np.asarray(labels)
    if len(images) == 0 or images.shape[1:] != (SIDE, SIDE, 1):
        raise ValueError(f"images must be (n, {SIDE}, {SIDE}, 1), not {images.shape}")
    if labels.shape != (len(images),) or not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"labels must be {len(images)} integers from 0 to {classes - 1}")
    if (epochs is None) == (steps is None):
        raise ValueError("give either epochs or steps")
    pixels = tf.constant(images)
    batches = Batches(
        lambda indices: tf.gather(pixels, indices),
        len(images),
        images.shape[1:],
        min(batch_size, len(images)),
        seed,
        labels=labels,
        classes=classes,
    )
    dealt = batches.shuffled()
    if shift:
        dealt = dealt.enumerate().map(
            lambda step, batch: (shifted(batch[0], shift, [seed, step]), batch[1]),
            num_parallel_calls=2,
        )
    steps = steps or epochs * batches.steps_per_epoch
    lenet = build_lenet(classes, seed)
    lenet.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"] if verbose else None,
        jit_compile=False,  # convolutions of XLA are four times slower on a CPU
    )
    per_epoch = batches.steps_per_epoch if epochs else steps
    lenet.fit(dealt, epochs=epochs or 1, steps_per_epoch=per_epoch, shuffle=False, verbose=verbose)
    return lenet


def shifted(images, most, key):
    """Shifts each of `(n, height, width, c)` images by up to `most` pixels, over black."""
    count, height, width, _ = images.shape
    count = count or tf.shape(images)[0]
    key = tf.random.fold_in(tf.cast(tf.stack(key), tf.int64), SHIFTS)
    starts = tf.random.stateless_uniform((2, count, 1), key, 0, 2 * most + 1, tf.int32)
    padded = tf.pad(images, [[0, 0], [most, most], [most, most], [0, 0]])
    rows = tf.gather(padded, starts[0] + tf.range(height), axis=1, batch_dims=1)
    columns = tf.tile((starts[1] + tf.range(width))[:, None], (1, height, 1))  # (n, height, width)
    return tf.gather(rows, columns, axis=2, batch_dims=2)
