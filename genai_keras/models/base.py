"""What the models need to come back from a file and go on exactly as they were."""

import keras


class FromFile:
    """Brings back a model's networks and random states: name it before `keras.Model`.

    Keras leaves every seed generator out of its files, Dropout's too.
    """

    @classmethod
    def from_config(cls, config):
        networks = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
            if isinstance(value, dict) and "class_name" in value
        }
        return cls(**{**config, **networks})

    def save_own_variables(self, store):
        for index, variable in enumerate(self._seed_states()):
            store[f"seed_state_{index}"] = variable.numpy()

    def load_own_variables(self, store):
        for index, variable in enumerate(self._seed_states()):
            variable.assign(store[f"seed_state_{index}"])

    def _seed_states(self):
        return [v for v in self.variables if v.path.endswith("seed_generator_state")]


class OneOptimizer(FromFile, keras.Model):
    """A model of networks that come built, trained by one optimizer."""

    def build(self, input_shape):
        """Has nothing to do, since the networks come built; Keras marks the model as built."""

    def compile(self, optimizer, loss=None, **kwargs):
        """Configures training; if the optimizer has weight decay, only matrices decay.

        Raises:
            ValueError: there is a loss: the model has its own.
        """
        check_no_loss(self, {"loss": loss, **kwargs})
        optimizer = keras.optimizers.get(optimizer)
        # Neither biases nor the gains of norms: a smaller gain is no simpler function.
        optimizer.exclude_from_weight_decay([v for v in self.trainable_variables if v.ndim < 2])
        super().compile(optimizer=optimizer, **kwargs)
        # Built here, since loading skips the state of an optimizer that has no variables yet.
        self.optimizer.build(self.trainable_variables)

    def get_compile_config(self):
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)}

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))


def check_no_loss(model, arguments):
    """Raises ValueError if `compile` is given losses or metrics, which would do nothing."""
    for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        if arguments.get(name) is not None:
            raise ValueError(
                f"a {type(model).__name__} has a loss and metrics of its own: leave `{name}` out"
            )
