"""Metrics of models: running means, and the number of latents in use."""

import keras
from keras import ops

ACTIVE = 0.01  # variance over the data of E[z | x], above which a latent counts as used


class Means(keras.metrics.Metric):
    """Means of several named values over samples, kept in one vector.

    One `keras.metrics.Mean` per value would do the same, but with a dozen more small operations per
    step each, which slows down a small model.

    Args:
        names: names of the values, in the order in which they are reported.
    """

    def __init__(self, names, name="means", **kwargs):
        super().__init__(name=name, **kwargs)
        self.names = tuple(names)
        self.total = self.add_weight(shape=(len(self.names),), name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, values, samples):
        """Adds a batch.

        Args:
            values: a dictionary by name, of scalars (means of the batch) or one value per sample.
            samples: number of samples in the batch.
        """
        samples = ops.cast(samples, "float32")
        means = ops.stack([ops.cast(ops.mean(values[name]), "float32") for name in self.names])
        self.total.assign_add(samples * means)
        self.count.assign_add(samples)

    def result(self):
        means = self.total / ops.maximum(self.count, 1.0)
        return {name: means[index] for index, name in enumerate(self.names)}


class ActiveUnits(keras.metrics.Metric):
    """Number of latents that the encoder uses: E[z | x] has a variance > 0.01 over the data.

    Reference: Burda et al. 2016, section 5.1, https://arxiv.org/abs/1509.00519
    """

    def __init__(self, latent_dim, name="active_units", **kwargs):
        super().__init__(name=name, **kwargs)
        self.count = self.add_weight(name="count", initializer="zeros")
        self.sum = self.add_weight(shape=(latent_dim,), name="sum", initializer="zeros")
        self.squares = self.add_weight(shape=(latent_dim,), name="squares", initializer="zeros")

    def update_state(self, mean, sample_weight=None):
        self.count.assign_add(ops.cast(ops.shape(mean)[0], "float32"))
        self.sum.assign_add(ops.sum(mean, axis=0))
        self.squares.assign_add(ops.sum(ops.square(mean), axis=0))

    def variances(self):
        """Variance of the mean of each latent over the data so far, `(latent_dim,)`."""
        count = ops.maximum(self.count, 1.0)
        return self.squares / count - ops.square(self.sum / count)

    def result(self):
        return ops.sum(ops.cast(self.variances() > ACTIVE, "float32"))
