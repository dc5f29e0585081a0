"""Running means of all that a model reports."""

import keras
from keras import ops


class Means(keras.metrics.Metric):
    """Means of several named values over samples, kept in one vector.

    One `keras.metrics.Mean` a value does the same with a dozen more small operations a step each,
    which a small model notices.

    Args:
        names: of the values, in the order in which they are reported.
    """

    def __init__(self, names, name="means", **kwargs):
        super().__init__(name=name, **kwargs)
        self.names = tuple(names)
        self.total = self.add_weight(shape=(len(self.names),), name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, values, samples):
        """Adds a batch.

        Args:
            values: a dictionary by name, of scalars (means of the batch) or one value a sample.
            samples: how many samples the batch has.
        """
        samples = ops.cast(samples, "float32")
        means = ops.stack([ops.cast(ops.mean(values[name]), "float32") for name in self.names])
        self.total.assign_add(samples * means)
        self.count.assign_add(samples)

    def result(self):
        means = self.total / ops.maximum(self.count, 1.0)
        return {name: means[index] for index, name in enumerate(self.names)}
