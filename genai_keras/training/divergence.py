"""Divergence check: stops a run with unusable numbers, and finds where the problem began."""

import math

import keras
import tensorflow as tf

from genai_keras.errors import TrainingDiverged
from genai_keras.training.devices import training_batches

INTERVAL = 50  # steps between two checks of all numbers
LOST = 1e5  # a larger weight will not recover, even if all numbers are finite
BROKEN_DATA = "broken data"  # a possible cause
GROWN = 1e3  # a larger weight is outside the range in which networks work


class DivergenceStop(keras.callbacks.Callback):
    """Raises `TrainingDiverged` when a loss, a weight or an optimizer variable is unusable.

    It checks all of them, because one may hide another. On CPU, a fused ReLU turns NaN into 0, so
    losses stay finite while weights are lost; and an optimizer with an infinite second moment makes
    no step at all. It is the first callback, so that nothing bad is drawn or saved.
    """

    def on_train_begin(self, logs=None):
        self.numbers = Numbers(self.model)
        self.step = 0

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % INTERVAL == 0:
            self.check()

    def on_epoch_end(self, epoch, logs=None):
        self.check()
        for name, value in (logs or {}).items():
            if not math.isfinite(float(value)):
                raise TrainingDiverged(f"training diverged: {name} is {float(value)}")

    def check(self):
        """Raises if a number of the model is unusable."""
        if lost := self.numbers.lost():
            raise TrainingDiverged(f"training diverged: {lost} is out of bounds")


class Numbers:
    """All floating-point variables of a compiled model: weights, metrics, optimizer moments."""

    def __init__(self, model):
        kinds = (keras.Layer, keras.metrics.Metric, keras.optimizers.Optimizer)
        parts = {name: part for name, part in vars(model).items() if isinstance(part, kinds)}
        named = {id(v): (v, v.path) for v in model.variables}
        for name, part in parts.items():
            named |= {id(v): (v, f"{name}: {v.path}") for v in part.variables}
        floats = [(v, name) for v, name in named.values() if "float" in v.dtype]
        self.variables, self.names = zip(*floats, strict=True)
        weights = {id(v) for v in model.trainable_variables}
        self.are_weights = [id(v) in weights for v in self.variables]
        bounds = [LOST if is_weight else tf.float32.max for is_weight in self.are_weights]
        pairs = list(zip(self.variables, bounds, strict=True))
        # A worker checks its own devices only, because the others may not be asked now.
        here = tf.distribute.get_strategy().experimental_local_results

        def within():
            # Comparisons with NaN are false, so this is false for NaN, too.
            return tf.stack(
                [
                    tf.reduce_all([tf.reduce_all(tf.abs(part) <= bound) for part in here(v.value)])
                    for v, bound in pairs
                ]
            )

        self._within = tf.function(within, autograph=False)  # it has no Python to rewrite

    def lost(self):
        """The first variable with a NaN, an infinity or a far too large weight, or None."""
        for index, within in enumerate(self._within().numpy()):
            if not within:
                return f"{self.names[index]} ({self._magnitude(index):.2g})"
        return None

    def largest_weight(self):
        """The largest absolute value of all weights, and the name of its variable."""
        found = [
            (self._magnitude(index), self.names[index])
            for index, is_weight in enumerate(self.are_weights)
            if is_weight
        ]
        return max(found)

    def _magnitude(self, index):
        parts = tf.distribute.get_strategy().experimental_local_results(self.variables[index].value)
        return max(float(tf.reduce_max(tf.abs(part))) for part in parts)


def where_it_began(model, train, first_step, last_step):
    """Repeats steps exactly, until a number is unusable.

    Args:
        model: the model in the state after `first_step`, trained before with `fit`.
        train: the `Batches` it was trained on.
        first_step, last_step: global steps to repeat.

    Returns:
        The step, the first unusable number, and its usual cause; None if the problem does not
        occur again.
    """
    numbers = Numbers(model)
    data, again = iter(train.shuffled(first_step)), iter(training_batches(train, first_step))
    for step in range(first_step + 1, last_step + 1):
        parts = [part for part in tf.nest.flatten(next(data)) if part.dtype.is_floating]
        if not all(tf.reduce_all(tf.math.is_finite(part)) for part in parts):
            return step, "a number in the batch of data", BROKEN_DATA
        largest, name = numbers.largest_weight()
        model.reset_metrics()
        model.train_function(again)
        # Losses come first, because they are computed from the weights before the step.
        losses = [
            f"{name} ({float(value):.2g})"
            for name, value in model.get_metrics_result().items()
            if not math.isfinite(float(value))
        ]
        if lost := losses[0] if losses else numbers.lost():
            grown = f"weights that have become too large ({largest:.2g} in {name} before this step)"
            return step, lost, grown if largest > GROWN else "a learning rate that is too large"
    return None
