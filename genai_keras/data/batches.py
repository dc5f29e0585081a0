"""Batches in an order that depends only on seed and step: a resumed run sees the same ones."""

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from genai_keras.errors import UserError

BINARIZATION = 1789  # any constant

# TensorFlow would first rewrite the Python of such a function, for a third of a second.
as_written = tf.autograph.experimental.do_not_convert


@dataclass(frozen=True)
class Batches:
    """Samples that are fetched by their indices and grouped in batches.

    Args:
        fetch: a TensorFlow function of indices, `(batch,)` int64, that returns
            `(batch, *element_shape)` of any type, or a tuple of such arrays.
        count: number of samples.
        element_shape: the shape of one sample, or a tuple of the shapes of its arrays.
        batch_size: samples per batch.
        seed: seed of the order in `shuffled`, and of `binarize`.
        binarize: use each value in [0, 1] as the probability of a 1 and sample 0 or 1 from it.
            Training samples anew at each step. `in_order` depends only on the index of the sample,
            so that every run is evaluated on the same data. A likelihood of binary pixels in nats
            is defined only for such samples (Salakhutdinov and Murray 2008).
        value_range: what `binarize` turns 0 and 1 into, and in what range samples are before it.
        labels: labels of the samples in order, `(count,)` int, or None.
        classes: number of classes; each batch is then `(samples, labels)` with one-hot labels.
        class_names: names of the classes in the order of their labels, if there are labels.
        epoch_steps: batches per epoch, if a full pass would take too long. None, or more than
            there are, means a full pass.
        summary: what was read, with `lines()` to print, or None.
    """

    fetch: Callable
    count: int
    element_shape: tuple[int, ...] | tuple[tuple[int, ...], ...]
    batch_size: int
    seed: int = 0
    binarize: bool = False
    labels: np.ndarray | None = None
    classes: int | None = None
    class_names: tuple[str, ...] = ()
    epoch_steps: int | None = None
    summary: object = None
    value_range: tuple[float, float] = (0, 1)

    @property
    def steps_per_epoch(self):
        """Number of full batches in an epoch; the leftover samples differ between epochs."""
        full = self.count // self.batch_size
        return full if self.epoch_steps is None else min(self.epoch_steps, full)

    def shuffled(self, start_step=0, replicas=1, first=0, here=1):
        """An infinite `tf.data.Dataset` of full batches, starting at global step `start_step`.

        Batch `s` depends only on the seed and on `s`, so no shuffle buffer needs to be saved.

        Args:
            start_step: the step of the first batch.
            replicas: number of equal parts into which each batch is cut.
            first, here: the first part to return, and how many: part `first` of the first batch,
                and so on; then those of the second batch.
        """
        if self.count < self.batch_size:
            raise UserError(
                f"{self.count} training samples do not fill one batch of {self.batch_size}: "
                f"add samples, or use `batch_size={self.count}` or less"
            )

        self.check_parts(replicas)
        size = self.batch_size // replicas

        @as_written
        def indices(number):  # of a part
            step, part = number // here, first + number % here
            epoch, position = step // self.steps_per_epoch, step % self.steps_per_epoch
            slots = position * self.batch_size + part * size + tf.range(size, dtype=tf.int64)
            key = tf.cast(tf.stack([tf.cast(self.seed, tf.int64), epoch]), tf.uint32)
            return number, tf.random.experimental.index_shuffle(slots, key, self.count - 1)

        def binarize(number, indices, values):
            step, part = number // here, first + number % here
            # A separate key, because a model with the same seed also draws noise with (seed, step).
            key = tf.random.fold_in([tf.cast(self.seed, tf.int64), step], BINARIZATION)
            # Drawn for the whole batch, so that a sample gets the same in any number of parts.
            drawn = tf.random.stateless_uniform((self.batch_size, *self.element_shape), key)
            return values > tf.gather(drawn, part * size + tf.range(size, dtype=tf.int64))

        numbers = tf.data.Dataset.range(start_step * here, tf.int64.max)
        return self._deal(numbers.map(indices), binarize)

    def check_parts(self, replicas, accumulate=1):
        """Raises a `UserError` if a batch cannot be cut into equal parts.

        Args:
            replicas: number of devices that share a batch.
            accumulate: number of parts that each of them computes one after the other.
        """
        parts = replicas * accumulate
        if self.batch_size % parts:
            nearest = self.batch_size // parts * parts or parts
            how = f"divided among {replicas} devices"
            if accumulate > 1:
                among = f" on each of {replicas} devices" if replicas > 1 else ""
                how = f"cut into `accumulate={accumulate}` equal parts{among}"
            raise UserError(
                f"a batch of {self.batch_size} samples cannot be {how}: use a multiple, such as "
                f"`batch_size={nearest}`"
            )

    def in_order(self):
        """One pass over all samples as a `tf.data.Dataset`; the last batch may be smaller."""

        def binarize(number, indices, values):
            # One draw per sample, so that it does not depend on the rest of the batch. No model
            # has a negative seed.
            def draw(index):
                return tf.random.stateless_uniform(self.element_shape, [-BINARIZATION, index])

            return values > tf.map_fn(draw, indices, fn_output_signature=tf.float32)

        batches = tf.data.Dataset.range(self.count).batch(self.batch_size)
        return self._deal(batches.enumerate(), binarize)

    def first(self, count):
        """The first `count` samples in order, or all if fewer, without labels, as NumPy arrays."""
        samples = dataclasses.replace(self, classes=None).in_order()
        batches = list(samples.take(-(-count // self.batch_size)).as_numpy_iterator())
        if self._several:
            return tuple(np.concatenate(parts)[:count] for parts in zip(*batches, strict=True))
        return np.concatenate(batches)[:count]

    def fingerprint(self, count=200):
        """A hash of the first samples, at most `count`, independent of the value range.

        It depends on all labels if batches have labels. None if a sample is a tuple of arrays.
        """
        if self._several:
            return None
        samples = dataclasses.replace(self, binarize=False).first(count).astype("float64")
        span = np.ptp(samples) or 1.0
        levels = np.round((samples - samples.min()) / span * 255.0).astype("uint8")
        digest = hashlib.sha256(levels.tobytes())
        if self.classes:
            digest.update(np.asarray(self.labels, "int64").tobytes())
        return digest.hexdigest()

    @property
    def _several(self):
        """Whether a sample is a tuple of arrays."""
        return bool(self.element_shape) and isinstance(self.element_shape[0], tuple)

    def _deal(self, numbered_indices, binarize):
        @as_written
        def fetch(number, indices):
            samples = self.fetch(indices)
            if self._several:
                parts = zip(samples, self.element_shape, strict=True)
                return tuple(tf.ensure_shape(part, (None, *shape)) for part, shape in parts)
            samples = tf.ensure_shape(samples, (None, *self.element_shape))
            if self.binarize:
                low, high = self.value_range
                unit = (samples - low) / (high - low)
                samples = low + (high - low) * tf.cast(binarize(number, indices, unit), tf.float32)
            if self.classes:
                return samples, tf.one_hot(tf.gather(self.labels, indices), self.classes)
            return samples

        return numbered_indices.map(fetch, num_parallel_calls=2).prefetch(2)
