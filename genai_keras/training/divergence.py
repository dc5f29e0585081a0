"""The watch on divergence: stops a run whose numbers are lost, and says where it began."""

import math

import keras
import tensorflow as tf

from genai_keras.errors import TrainingDiverged

INTERVAL = 50  # steps between two looks at all numbers
LOST = 1e5  # a weight beyond it will not come back, even if all is finite
BROKEN_DATA = "broken data"  # as a cause
GROWN = 1e3  # a weight beyond it has left the range that networks work in


class DivergenceStop(keras.callbacks.Callback):
    """Raises `TrainingDiverged` once a loss, a weight or an optimizer's number is lost.

    All of them are looked at, since one may hide another: on CPU a fused ReLU turns NaN into 0, so
    that losses stay finite while weights are lost, and an optimizer whose second moment is infinite
    makes no step at all. It comes first, so nothing bad is drawn or saved.
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
        """Raises if a number of the model is lost."""
        if lost := self.numbers.lost():
            raise TrainingDiverged(f"training diverged: {lost} is out of bounds")


class Numbers:
    """All floating-point variables of a compiled model: weights, metrics, optimizers' moments."""

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
        # Nothing compares with NaN, so this is false for it, too.
        self._within = tf.function(
            lambda: tf.stack([tf.reduce_all(tf.abs(v.value) <= bound) for v, bound in pairs])
        )

    def lost(self):
        """The first variable with a NaN, an infinity or a weight beyond all measure, or None."""
        for index, within in enumerate(self._within().numpy()):
            if not within:
                return f"{self.names[index]} ({self._magnitude(index):.2g})"
        return None

    def largest_weight(self):
        """The largest absolute value of all weights, and the variable that has it."""
        found = [
            (self._magnitude(index), self.names[index])
            for index, is_weight in enumerate(self.are_weights)
            if is_weight
        ]
        return max(found)

    def _magnitude(self, index):
        return float(tf.reduce_max(tf.abs(self.variables[index].value)))


def where_it_began(model, train, first_step, last_step):
    """Repeats steps, as they can be repeated exactly, until something is lost.

    Args:
        model: in the state after `first_step`, and trained before with `fit`.
        train: the `Batches` it was trained on.
        first_step, last_step: what to repeat, global steps.

    Returns:
        The step, what was lost first, and what usually causes that; None if nothing is this time.
    """
    numbers = Numbers(model)
    data, again = iter(train.shuffled(first_step)), iter(train.shuffled(first_step))
    for step in range(first_step + 1, last_step + 1):
        parts = [part for part in tf.nest.flatten(next(data)) if part.dtype.is_floating]
        if not all(tf.reduce_all(tf.math.is_finite(part)) for part in parts):
            return step, "a number in the batch of data", BROKEN_DATA
        largest, name = numbers.largest_weight()
        model.reset_metrics()
        model.train_function(again)
        # Losses come first: they are computed from the weights as they were before the step.
        losses = [
            f"{name} ({float(value):.2g})"
            for name, value in model.get_metrics_result().items()
            if not math.isfinite(float(value))
        ]
        if lost := losses[0] if losses else numbers.lost():
            grown = f"weights that have grown (before it, to {largest:.2g} in {name})"
            return step, lost, grown if largest > GROWN else "a step that is too large"
    return None
