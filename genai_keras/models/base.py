"""What models share: coming back from a file exactly as they were, and sampling from noise."""

import keras
import numpy as np
import tensorflow as tf

BLOCK = 250  # samples that are made at a time


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

    def compile(self, optimizer, **kwargs):
        """Configures training; if the optimizer has weight decay, only matrices decay."""
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


class FromNoise:
    """Samples of a model that decodes noise: name it before `keras.Model`.

    The model has `latent_dim`, and `classes`, 0 if it takes no labels; and it implements
    `_decode(inputs)`, of what `conditioned` returns.
    """

    def generate(self, n, seed=0, labels=None):
        """Makes samples from noise; equal seeds give equal samples, and few are the first of many.

        Args:
            n: how many.
            seed: an integer.
            labels: `(n,)` int, of a conditional model; None takes the classes in turn.

        Returns:
            A NumPy array `(n, *sample_shape)`; pictures are in [-1, 1] (GAN) or [0, 1] (VAE).
        """
        return np.concatenate(list(self.stream(n, seed, labels)))

    def stream(self, n, seed=0, labels=None):
        """Yields what `generate` returns in parts, so that there may be more than memory holds."""
        if labels is None and self.classes:
            labels = np.arange(n) % self.classes
        for number, start in enumerate(range(0, n, BLOCK)):
            part = slice(start, min(start + BLOCK, n))
            key = tf.constant([seed, number], "int64")
            noise = tf.random.stateless_normal((BLOCK, self.latent_dim), key)
            noise = noise[: part.stop - start]
            yield self.decode(noise, None if labels is None else labels[part])

    def decode(self, noise, labels=None):
        """What the model makes of noise or codes.

        Args:
            noise: `(n, latent_dim)`.
            labels: `(n,)` int if the model is conditional, else None.

        Returns:
            A NumPy array `(n, *sample_shape)`.
        """
        one_hot = self.one_hot(labels, len(noise))
        made = []
        for start in range(0, len(noise), BLOCK):
            part = slice(start, start + BLOCK)
            label = None if one_hot is None else one_hot[part]
            made.append(np.array(self._decode(conditioned(noise[part], label))))
        return np.concatenate(made)

    def one_hot(self, labels, n):
        """Labels as the networks take them, `(n, classes)` float32; None if they take none.

        Raises:
            ValueError: there are labels and the model takes none, or the other way round, or they
                are not n of its classes.
        """
        if labels is None and not self.classes:
            return None
        if labels is None:
            raise ValueError("this model is conditional: it needs a label for each sample")
        if not self.classes:
            raise ValueError("this model takes no labels: it was trained without --conditional")
        labels = np.asarray(labels)
        if labels.shape != (n,) or not np.isin(labels, np.arange(self.classes)).all():
            raise ValueError(f"labels must be {n} integers from 0 to {self.classes - 1}")
        return np.eye(self.classes, dtype="float32")[labels]


def conditioned(x, label=None):
    """What a network is called with: `x`, and the one-hot label if there is one."""
    return x if label is None else [x, label]


def classes_of(network):
    """How many classes a network's second input chooses from; 0 if it has no such input."""
    return network.inputs[1].shape[-1] if len(network.inputs) > 1 else 0
