"""What models need to be loaded from a file and continue training exactly."""

import keras
import tensorflow as tf

from genai_keras import replicas


class FromFile:
    """Restores the networks and random states of a model: list it before `keras.Model`.

    Keras does not save any seed generator, not even those of Dropout.
    """

    accumulate = 1  # number of parts into which a training step cuts its batch

    @classmethod
    def from_config(cls, config):
        networks = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
            if isinstance(value, dict) and "class_name" in value
        }
        return cls(**{**config, **networks})

    def fit(self, x=None, *arguments, **keywords):
        self._check_parts(x)
        return super().fit(x, *arguments, **keywords)

    def evaluate(self, x=None, *arguments, **keywords):
        self._check_parts(x)
        return super().evaluate(x, *arguments, **keywords)

    def get_metrics_result(self):
        return replicas.logs(super().get_metrics_result())

    def _maybe_symbolic_build(self, *arguments, **keywords):
        """Does nothing: all is built. Keras would average a batch, and fail with two workers."""

    def _check_parts(self, data):
        """Prepares for several devices, if there are several.

        Raises:
            ValueError: Keras would divide the data, and the last batch into unequal parts.
        """
        if replicas.count() == 1:
            return
        if not isinstance(data, tf.distribute.DistributedDataset):
            raise ValueError(
                "on several devices, `fit` and `evaluate` take the batches that "
                "`training_batches` and `validation_batches` in genai_keras.training.devices make"
            )
        for layer in self._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True  # otherwise each device would have its own statistics

    def accumulated(self, data, weights):
        """What the model's `gradients(data)` returns, computed for one part after the other.

        Args:
            data: a batch.
            weights: the variables, nested like the gradients.
        """
        states = self._seed_states() if self.accumulate > 1 else ()
        return replicas.accumulated(self.gradients, data, weights, self.accumulate, states)

    def save_own_variables(self, store):
        for index, variable in enumerate(self._seed_states()):
            store[f"seed_state_{index}"] = variable.numpy()

    def load_own_variables(self, store):
        for index, variable in enumerate(self._seed_states()):
            variable.assign(store[f"seed_state_{index}"])

    def _seed_states(self):
        return [v for v in self.variables if v.path.endswith("seed_generator_state")]


class OneOptimizer(FromFile, keras.Model):
    """A model of networks that are already built, trained by one optimizer."""

    def build(self, input_shape):
        """Does nothing, because the networks are already built; Keras marks the model as built."""

    def compile(self, optimizer, loss=None, accumulate=1, **kwargs):
        """Configures training; if the optimizer has weight decay, only matrices decay.

        Args:
            optimizer: a `keras.optimizers.Optimizer`, or its name.
            accumulate: number of equal parts of each batch, computed one after the other to need
                less memory.
            **kwargs: as in `keras.Model.compile`, such as `steps_per_execution`.

        Raises:
            ValueError: a loss is given, but the model has its own.
        """
        check_no_loss(self, {"loss": loss, **kwargs})
        optimizer = keras.optimizers.get(optimizer)
        # Neither biases nor the gains of norms: a smaller gain is not a simpler function.
        optimizer.exclude_from_weight_decay([v for v in self.trainable_variables if v.ndim < 2])
        super().compile(optimizer=optimizer, **kwargs)
        self.accumulate = accumulate
        # Built here, because loading skips the state of an optimizer without variables.
        self.optimizer.build(self.trainable_variables)

    def get_compile_config(self):
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)}

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def check_no_loss(model, arguments):
    """Raises ValueError if `compile` gets losses or metrics, which would have no effect."""
    for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        if arguments.get(name) is not None:
            raise ValueError(
                f"a {type(model).__name__} has its own loss and metrics: leave `{name}` out"
            )
