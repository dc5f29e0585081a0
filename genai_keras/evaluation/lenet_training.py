"""Trains LeNets: classifiers, as feature extractors or to measure augmentation, and detectors."""

import keras
import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.evaluation import outliers
from genai_keras.evaluation.features import checked_images
from genai_keras.networks.lenet import SIDE, build_lenet

SHIFTS = 718  # any constant
HELD_OUT = 1 / 6  # of the images, for the threshold of a detector: 10,000 of MNIST's
REJECTED = 0.004  # of the real images at this threshold; with room for rounding, below 0.5 %
ROUND = 10_000  # real images, and as many outliers, in memory at a time


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


def train_detector(images, epochs=6, seed=0, batch_size=128, learning_rate=1e-3, verbose=0):
    """Trains a LeNet with one logit, which is at least 0 for images like these: outlier exposure.

    It learns to tell real images from `outliers`, new ones in each epoch. The last sixth of the
    images is not learnt from: the logit is shifted so that it rejects at most 0.5 % of them.

    Args:
        images: `(n, 28, 28, 1)` in [0, 1], in random order.
        epochs: passes over the images.
        seed: seed of the weights, the order, the variations and the outliers.
        batch_size: images per step, half of them outliers on average.
        learning_rate: learning rate of Adam at the beginning; it falls to 0 along a cosine.
        verbose: as in `fit`.

    Returns:
        A `keras.Model` from `build_lenet`, with one logit.

    Raises:
        ValueError: the images have another shape or range, or there are fewer than 100.

    Reference: Hendrycks et al. 2019, https://arxiv.org/abs/1812.04606
    """
    images = checked_images(images)
    if len(images) < 100 or images.shape[1:] != (SIDE, SIDE, 1):
        raise ValueError(f"images must be (n, {SIDE}, {SIDE}, 1), n >= 100, not {images.shape}")
    learnt = len(images) - int(HELD_OUT * len(images))
    learnt, held_out = images[:learnt, ..., 0], images[learnt:]
    rounds = -(-len(learnt) // ROUND)
    steps = epochs * sum(-(-2 * len(each) // batch_size) for each in np.array_split(learnt, rounds))
    detector = build_lenet(1, seed)
    detector.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    generator = np.random.default_rng(seed)
    for epoch in range(epochs):
        losses = []
        for some in np.array_split(generator.permutation(len(learnt)), rounds):
            real = outliers.varied(learnt[some], generator)
            x = np.concatenate([real, outliers.make_outliers(learnt[some], generator)])[..., None]
            is_real = np.arange(len(x)) < len(some)
            order = generator.permutation(len(x))
            found = detector.fit(x[order], is_real[order], batch_size, shuffle=False, verbose=0)
            losses += found.history["loss"]
        if verbose:
            print(f"epoch {epoch + 1}/{epochs}  loss {np.mean(losses):.4f}", flush=True)
    kernel, bias = detector.get_layer("logits").get_weights()
    logits = detector.predict(held_out, batch_size=500, verbose=0)
    threshold = np.quantile(logits, REJECTED, method="lower")
    detector.get_layer("logits").set_weights([kernel, bias - threshold])
    return detector


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
