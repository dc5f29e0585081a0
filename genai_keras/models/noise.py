"""The base of models that decode noise: sampling in parts, labels, walks between samples."""

import functools

import keras
import numpy as np
import tensorflow as tf

from genai_keras.sampling.noise import BLOCK, interpolation, noise_block


class FromNoise:
    """Sampling from a model that decodes noise: list it before `keras.Model`.

    The model has `latent_dim`, and `classes`, which is 0 without labels. It implements
    `_decode(inputs, **how)` for the result of `conditioned`, where `how` has other arguments by the
    names in `sampling`.
    """

    sampling = ()

    def generate(self, n, seed=0, labels=None, **how):
        """Generates samples from noise; equal seeds give equal samples, for any n.

        Args:
            n: number of samples; fewer samples are the first of more.
            seed: an integer.
            labels: `(n,)` int, for a conditional model; None takes the classes in turn.
            **how: what the model takes besides, such as the `steps` of a flow.

        Returns:
            A NumPy array `(n, *sample_shape)`; images are in [-1, 1] (GAN, flow) or [0, 1] (VAE).
        """
        return np.concatenate(list(self.stream(n, seed, labels, **how)))

    def stream(self, n, seed=0, labels=None, **how):
        """Yields the result of `generate` in parts, so it may be larger than memory."""
        if labels is None and self.classes:
            labels = np.arange(n) % self.classes
        for number, start in enumerate(range(0, n, BLOCK)):
            part = slice(start, min(start + BLOCK, n))
            noise = noise_block(seed, number, self.latent_dim)[: part.stop - start]
            yield self.decode(noise, None if labels is None else labels[part], **how)

    def decode(self, noise, labels=None, **how):
        """Decodes noise or codes.

        Args:
            noise: `(n, latent_dim)`.
            labels: `(n,)` int if the model is conditional, otherwise None.
            **how: as in `generate`.

        Returns:
            A NumPy array `(n, *sample_shape)`.
        """
        decode = functools.partial(self._compiled, **how)
        return in_blocks(decode, noise, self.one_hot(labels, len(noise)))

    @functools.cached_property
    def _compiled(self):
        """`_decode` as one graph. `predict_on_batch` would run it once for each replica."""
        return tf.function(self._decode, reduce_retracing=True, autograph=False)

    def walks(self, n, points=10, seed=0, labels=None, **how):
        """Yields decoded walks from one noise vector to the next, `(points, *sample_shape)`.

        Args:
            n: number of walks.
            points: points of each walk, including both ends; see `interpolation`.
            seed: seed of the noise.
            labels: `(n,)` int, one per walk, for a conditional model; None takes the classes in
                turn.
            **how: as in `generate`.
        """
        if labels is None and self.classes:
            labels = np.arange(n) % self.classes
        key = tf.constant([seed, 0], "int64")
        ends = np.array(tf.random.stateless_normal((n, 2, self.latent_dim), key))
        for walk, (first, last) in enumerate(ends):
            label = None if labels is None else np.repeat(labels[walk], points)
            yield self.decode(interpolation(first, last, points), label, **how)

    def one_hot(self, labels, n):
        """Labels as the networks take them, `(n, classes)` float32; None if they take none.

        Raises:
            ValueError: labels are given to a model without labels, are missing for a conditional
                one, or are not n of its classes.
        """
        if labels is None and not self.classes:
            return None
        if labels is None:
            raise ValueError("this model is conditional: it needs a label for each sample")
        if not self.classes:
            raise ValueError("this model takes no labels: it was not trained to be `conditional`")
        labels = np.asarray(labels)
        if labels.shape != (n,) or not np.isin(labels, np.arange(self.classes)).all():
            raise ValueError(f"labels must be {n} integers from 0 to {self.classes - 1}")
        return np.eye(self.classes, dtype="float32")[labels]


def in_blocks(network, x, label=None):
    """The outputs of a network, block by block, as NumPy arrays.

    Args:
        network: a function of the result of `conditioned`.
        x: `(n, ...)`.
        label: one-hot, `(n, classes)`, or None.
    """
    blocks = [slice(start, start + BLOCK) for start in range(0, len(x), BLOCK)]
    made = [network(conditioned(x[b], None if label is None else label[b])) for b in blocks]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *made)


def conditioned(x, label=None):
    """The inputs of a network: `x`, and the one-hot label if there is one."""
    return x if label is None else [x, label]


def classes_of(network):
    """The number of classes of a network's second input; 0 if it has no such input."""
    inputs = inputs_of(network)
    return inputs[1].shape[-1] if len(inputs) > 1 else 0


def inputs_of(network):
    """Symbolic inputs of a network; none if it is subclassed, or sequential and not yet built."""
    try:
        return network.inputs or []
    except (AttributeError, ValueError):  # a subclass has none, a `Sequential` not yet
        return []
