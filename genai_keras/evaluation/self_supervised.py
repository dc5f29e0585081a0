"""A feature extractor that learns from the data set itself, for images without a trained LeNet.

A small network sees training images that are turned, and then blurred, made noisy or cut into
patches that change places. It learns to tell what happened to each. So its features know the
layout, the sharpness and the grain of this data set, and it needs no labels.

References: turned images: Gidaris et al. 2018, https://arxiv.org/abs/1803.07728; features for
judging images without labels: Morozov et al. 2021, https://openreview.net/forum?id=NeRdBeTionN
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from genai_keras.evaluation.features import FeatureExtractor, checked_images, in_blocks, resized
from genai_keras.evaluation.weights import read_arrays, write_arrays
from genai_keras.networks.self_supervised import SIDE, build_self_supervised

FILE = "features.npz"  # in the folder of a run
RECIPE = 1  # to be raised with each change that changes the features
BATCH, STEPS = 64, 800
MOST_PASSES = 100  # over the images, if they are few
LEARNING_RATE = 1e-3
MOST_BLUR = 4.0  # standard deviation in pixels
MOST_NOISE = 0.5  # standard deviation; white is 1
PATCHES = 4  # per side
STANDARDIZED_ON = 5_000  # images
_KNOWN = {}  # the extractors of this process by their keys: runs that are compared share theirs


class SelfSupervisedFeatures(FeatureExtractor):
    """A feature extractor whose network has learnt from the training images of a data set.

    Its figures compare only within this data set. Each feature of the training images has mean 0
    and standard deviation 1.

    Args:
        network: a model from `build_self_supervised`.
        mean, deviation: `(64,)` each, of the network's features of the training images.
    """

    name = "self-supervised features, trained on this data set"

    def __init__(self, network, mean, deviation):
        self.network = network
        self.mean, self.deviation = mean, deviation
        self.pooled = keras.Model(network.input, network.get_layer("features").output)

    def look(self, images):
        """Features `(n, 64)` float32 of images `(n, height, width, c)` in [0, 1]; no labels.

        They are resized to 32 x 32.

        Raises:
            ValueError: the images are not as required.
        """
        images = checked_images(images, self.network.input.shape[-1])
        features = in_blocks(self.pooled, images, SIDE)
        return (features - self.mean) / self.deviation, None

    def save(self, path, key):
        """Writes the weights to a `.npz` file; `load` with the same key reads it."""
        weights = {f"weight_{i}": each for i, each in enumerate(self.network.get_weights())}
        more = {"key": key, "mean": self.mean, "deviation": self.deviation}
        write_arrays(path, {**weights, **more})


def load(path, key):
    """Reads a file of `save`: a `SelfSupervisedFeatures`, or None without a whole file of this key.

    Args:
        path: path of the file.
        key: see `key_of`.
    """

    def build(arrays):
        if str(arrays["key"]) != key:
            return None
        weights = [arrays[f"weight_{number}"] for number in range(len(arrays) - 3)]
        network = build_self_supervised(weights[0].shape[2])
        network.set_weights(weights)
        return SelfSupervisedFeatures(network, arrays["mean"], arrays["deviation"])

    try:
        return read_arrays(path, build)
    except (OSError, ValueError):
        return None


def key_of(images):
    """What the features of `Batches` of images depend on, as a text."""
    fingerprint = dataclasses.replace(images, classes=None).fingerprint()
    return f"recipe {RECIPE}: {images.count} of {images.element_shape}, {fingerprint}"


def features_of(images, path):
    """The feature extractor of a data set: one that is known already, or a newly trained one.

    Runs on the same data share it within a process, also if each has a file of its own.

    Args:
        images: the training images, `Batches` in [0, 1].
        path: file of an earlier evaluation, which may be absent.

    Returns:
        A `SelfSupervisedFeatures`, and the key to save it with, or None if it has a file.
    """
    key = key_of(images)
    kept = load(path, key)
    if key not in _KNOWN:
        if kept is None:
            print(
                f"training a feature extractor on the {images.count:,} training images: at most "
                "about a minute, and only once",
                flush=True,
            )
        _KNOWN[key] = kept or train_features(images, STEPS)
    return _KNOWN[key], key if kept is None else None


def train_features(images, steps=STEPS, seed=0):
    """Trains a feature extractor with Adam and a learning rate that falls to 0 along a cosine.

    Args:
        images: `Batches` of `(height, width, c)` in [0, 1], at least 2. Few images get fewer steps.
        steps: most training steps.
        seed: seed of the weights, the order and the changes. Equal seeds give equal features on
            the same machine with the same number of cores.

    Returns:
        A `SelfSupervisedFeatures`.
    """
    batch = min(BATCH, images.count)
    steps = min(steps, MOST_PASSES * images.count // batch)
    plain = dataclasses.replace(
        images, batch_size=batch, seed=seed, binarize=False, classes=None, epoch_steps=None
    )
    changed = plain.shuffled().enumerate()
    changed = changed.map(
        lambda step, part: change(resized(part, SIDE), [seed, step]), num_parallel_calls=2
    )
    network = build_self_supervised(images.element_shape[-1], seed)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        {"turn": keras.losses.CategoricalCrossentropy(from_logits=True), "strengths": "mse"},
        loss_weights={"turn": 1.0, "strengths": 10.0},  # about equal at the beginning
        jit_compile=False,  # convolutions of XLA are four times slower on a CPU
    )
    network.fit(changed, steps_per_epoch=steps, shuffle=False, verbose=0)
    extractor = SelfSupervisedFeatures(network, 0.0, 1.0)
    features, _ = extractor.look(plain.first(STANDARDIZED_ON))
    extractor.mean, deviation = features.mean(axis=0), features.std(axis=0)
    # A feature that these images do not have should not count much if others do.
    extractor.deviation = np.maximum(deviation, 0.1 * deviation.mean() + 1e-6)
    return extractor


def change(images, key):
    """Turns each image by quarters, and then blurs it, adds noise, shuffles patches, or nothing.

    Args:
        images: `(n, 32, 32, c)` in [0, 1].
        key: two integers; the same key gives the same changes.

    Returns:
        The changed images, and a dictionary of what the network should find: "turn", `(n, 4)`
        one-hot, and "strengths", `(n, 3)`, of which at most one is not 0.
    """
    keys = tf.random.split(tf.cast(tf.stack(key), tf.int64), 5)
    count = tf.shape(images)[0]
    turn = tf.random.stateless_uniform([count], keys[0], 0, 4, tf.int32)
    turned = tf.stack([tf.image.rot90(images, quarters) for quarters in range(4)], axis=1)
    images = tf.gather(turned, turn, axis=1, batch_dims=1)
    kind = tf.random.stateless_uniform([count], keys[1], 0, 4, tf.int32)
    strength = tf.random.stateless_uniform([count, 1], keys[2])
    strengths = tf.one_hot(kind - 1, 3) * strength  # all 0 for kind 0
    blur, noise, disorder = tf.unstack(strengths, axis=1)
    images = blurred(images, MOST_BLUR * blur**2)  # squared: weak ones are harder to see
    deviation = MOST_NOISE * noise[:, None, None, None] ** 2
    images += deviation * tf.random.stateless_normal(tf.shape(images), keys[3])
    images = shuffled(tf.clip_by_value(images, 0.0, 1.0), disorder, keys[4])
    return images, {"turn": tf.one_hot(turn, 4), "strengths": strengths}


def blurred(images, deviations):
    """Each of `(n, side, side, c)` images, blurred by a Gaussian of its own, `(n,)` in pixels."""
    places = tf.range(images.shape[1], dtype=tf.float32)
    squares = (places[:, None] - places) ** 2
    # Softmax: the weights of each pixel add up to 1, also at the border.
    weights = tf.nn.softmax(-squares / (2 * deviations[:, None, None] ** 2 + 1e-6))
    return tf.einsum("nij,njkc,nlk->nilc", weights, images, weights)


def shuffled(images, disorder, key):
    """Images `(n, side, side, c)` whose 4 x 4 patches changed places, by `(n,)` from 0 to 1."""
    side, channels = images.shape[1] // PATCHES, images.shape[-1]
    number = PATCHES**2
    moves = tf.random.stateless_uniform([tf.shape(images)[0], number], key, 0.0, number)
    order = tf.argsort(tf.range(number, dtype=tf.float32) + disorder[:, None] * moves, stable=True)
    grid = (-1, PATCHES, side, PATCHES, side, channels)
    patches = tf.transpose(tf.reshape(images, grid), (0, 1, 3, 2, 4, 5))
    patches = tf.reshape(patches, (-1, number, side, side, channels))
    patches = tf.gather(patches, order, axis=1, batch_dims=1)
    patches = tf.reshape(patches, (-1, PATCHES, PATCHES, side, side, channels))
    return tf.reshape(tf.transpose(patches, (0, 1, 3, 2, 4, 5)), tf.shape(images))
