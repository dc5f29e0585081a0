"""Batches in an order that depends on seed and step alone: a resumed run sees the same ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from genai_keras.errors import UserError

BINARIZATION = 1789  # any constant


@dataclass(frozen=True)
class Batches:
    """Samples that can be fetched by their indices, dealt out in batches.

    Args:
        fetch: a TensorFlow function of indices, `(batch,)` int64, that returns
            `(batch, *element_shape)` float32.
        count: how many samples there are.
        element_shape: the shape of one sample.
        batch_size: samples a batch.
        seed: keys the order in which `shuffled` deals them, and `binarize`.
        binarize: take each value in [0, 1] as the probability of a 1 and draw 0 or 1 from it: anew
            at each training step, always the same in `in_order`. A likelihood of binary pixels in
            nats is only defined so (Salakhutdinov and Murray 2008).
        labels: of the samples in order, or None.
    """

    fetch: Callable
    count: int
    element_shape: tuple[int, ...]
    batch_size: int
    seed: int = 0
    binarize: bool = False
    labels: np.ndarray | None = None

    @property
    def steps_per_epoch(self):
        """Full batches in one pass; the few samples left over differ from epoch to epoch."""
        return self.count // self.batch_size

    def shuffled(self, start_step=0):
        """An endless `tf.data.Dataset` of full batches, from global step `start_step` on.

        Batch `s` depends on the seed and on `s` alone: no shuffle buffer has to be saved.
        """
        if self.count < self.batch_size:
            raise UserError(
                f"{self.count} training samples do not fill one batch of {self.batch_size}: "
                f"add samples, or use --batch-size {self.count} or less"
            )

        def indices(step):
            epoch, position = step // self.steps_per_epoch, step % self.steps_per_epoch
            slots = position * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)
            key = tf.cast(tf.stack([tf.cast(self.seed, tf.int64), epoch]), tf.uint32)
            return step, tf.random.experimental.index_shuffle(slots, key, max_index=self.count - 1)

        steps = tf.data.Dataset.range(start_step, tf.int64.max)
        return self._deal(steps.map(indices))

    def in_order(self):
        """One pass over all samples, the last batch perhaps smaller, as a `tf.data.Dataset`."""
        batches = tf.data.Dataset.range(self.count).batch(self.batch_size).enumerate()
        # Negative numbers, so that no training step shares their random numbers.
        return self._deal(batches.map(lambda number, indices: (-1 - number, indices)))

    def first(self, count):
        """The first `count` samples in order, as a NumPy array; all of them if there are fewer."""
        batches = self.in_order().take(-(-count // self.batch_size))
        return np.concatenate(list(batches.as_numpy_iterator()))[:count]

    def _deal(self, numbered_indices):
        def fetch(number, indices):
            samples = tf.ensure_shape(self.fetch(indices), (None, *self.element_shape))
            if self.binarize:
                # A key apart: a model of the same seed draws its noise with (seed, step) as well.
                key = tf.random.fold_in([tf.cast(self.seed, tf.int64), number], BINARIZATION)
                samples = samples > tf.random.stateless_uniform(tf.shape(samples), key)
            return tf.cast(samples, tf.float32)

        return numbered_indices.map(fetch, num_parallel_calls=2).prefetch(2)
