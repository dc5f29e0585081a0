"""Sampling and likelihood of models that learn a velocity."""

import functools

import numpy as np
import tensorflow as tf

from genai_keras import losses
from genai_keras.models.noise import FromNoise, in_blocks
from genai_keras.sampling.solvers import SOLVERS, solve


class FollowsVelocity(FromNoise):
    """Noise at time 0 follows a velocity to a sample at time 1: list it before `keras.Model`.

    The model has `velocity(x, t, label, guidance)`; `steps`, `solver` and `guidance`, which are
    used if `generate` is not told others; `sample_shape`, `value_range`, `levels`, which is None
    for numbers without steps, and `classes`, which is 0 without labels.
    """

    @property
    def sampling(self):
        """What `generate` takes besides; without labels, guidance would change nothing."""
        return ("steps", "solver", "guidance") if self.classes else ("steps", "solver")

    @property
    def level_width(self):
        """The distance between two values of a pixel."""
        low, high = self.value_range
        return (high - low) / (self.levels - 1)

    def decode(self, noise, labels=None, **how):
        """As of `FromNoise`, with `steps`, `solver` and `guidance`."""
        return super().decode(noise, labels, **self.chosen(**how))

    def path(self, noise, labels=None, points=9, **how):
        """Where noise is at equally spaced times from 0 to 1.

        Args:
            noise: `(n, latent_dim)`.
            labels: `(n,)` int if the model is conditional.
            points: number of times, with both ends; `steps` are rounded up to fit them.
            **how: `steps`, `solver` and `guidance`, as in `generate`.

        Returns:
            A NumPy array `(n, points, *sample_shape)`, which begins with the noise itself.
        """
        follow = functools.partial(self._compiled_path, points=points, **self.chosen(**how))
        return in_blocks(follow, noise, self.one_hot(labels, len(noise)))

    def log_likelihood(self, x, labels=None, steps=50, draws=1, seed=0):
        """The logarithm of the density of samples, in nats: the change of variables along a flow.

        On its way, log p(x) changes by minus the divergence of the velocity, the trace of its
        Jacobian J. With random signs s, the mean of s' J s is the trace. For single numbers
        s^2 = 1, so it is exact. The equation is solved with Heun's method, from time 1 to 0.

        Args:
            x: `(n, *sample_shape)`.
            labels: `(n,)` int if the model is conditional.
            steps: number of steps of the solver.
            draws: number of random signs for each number of x, whose estimates are averaged.
            seed: seed of the signs.

        Returns:
            `(n,)` float64, for the density per unit of x.

        Reference:
            Chen et al. 2018, https://arxiv.org/abs/1806.07366;
            the estimate of the trace: Hutchinson 1990, in Grathwohl et al. 2019,
            https://arxiv.org/abs/1810.01367
        """
        one_hot = self.one_hot(labels, len(x))
        density = functools.partial(self._compiled_density, steps=tf.constant(steps))
        found = np.zeros((draws, len(x)))
        for draw in range(draws):
            signs = np.random.default_rng((seed, draw)).choice((-1.0, 1.0), x.shape)
            pairs = np.stack([x, signs], axis=1).astype("float32")  # (n, 2, *sample_shape)
            found[draw] = in_blocks(density, pairs, one_hot)
        return found.mean(axis=0)

    def chosen(self, steps=None, solver=None, guidance=None):
        """How to sample: the model's own way for what is None.

        The graphs take all of it, because a graph would keep the way that the model had at first.

        Raises:
            ValueError: there is no such way.
        """
        steps = self.steps if steps is None else steps
        solver = self.solver if solver is None else solver
        guidance = self.guidance if guidance is None else guidance
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        if solver not in SOLVERS:
            raise ValueError(f"solver must be one of {list(SOLVERS)}, not {solver!r}")
        # A tensor, because another number of steps would need another graph.
        return {"steps": tf.constant(steps), "solver": solver, "guidance": float(guidance)}

    def _decode(self, inputs, steps, solver, guidance):
        velocity, noise = self._begin(inputs, guidance)
        x = solve(velocity, noise, 0.0, 1.0, steps, solver)
        if not self.levels:
            return x
        low, high = self.value_range
        if self.levels == 2:  # the noise of black and white is half as wide as their distance
            return tf.where(x < (low + high) / 2, float(low), float(high))
        return tf.clip_by_value(x, low, high)

    @functools.cached_property
    def _compiled_path(self):
        return tf.function(self._points, reduce_retracing=True, autograph=False)

    def _points(self, inputs, points, steps, solver, guidance):
        velocity, x = self._begin(inputs, guidance)
        sections = points - 1
        steps = -(-steps // sections)  # of each section
        found = tf.TensorArray(tf.float32, points).write(0, x)

        def follow(number, x, found):
            start, end = (tf.cast(number + more, tf.float32) / sections for more in (0, 1))
            x = solve(velocity, x, start, end, steps, solver)
            return number + 1, x, found.write(number + 1, x)

        state = tf.constant(0), x, found
        _, _, found = tf.while_loop(lambda number, *_: number < sections, follow, state)
        return tf.experimental.numpy.moveaxis(found.stack(), 0, 1)  # (batch, points, ...)

    def _begin(self, inputs, guidance):
        """The velocity as a function of x and t, and the noise, `(batch, *sample_shape)`."""
        noise, label = inputs if self.classes else (inputs, None)
        x = tf.reshape(tf.cast(noise, tf.float32), (-1, *self.sample_shape))
        return lambda x, t: self.velocity(x, t, label, guidance), x

    @functools.cached_property
    def _compiled_density(self):
        return tf.function(self._log_density, reduce_retracing=True, autograph=False)

    def _log_density(self, inputs, steps):
        pairs, label = inputs if self.classes else (inputs, None)
        x, signs = pairs[:, 0], pairs[:, 1]  # (batch, *sample_shape)
        axes = list(range(1, len(self.sample_shape) + 1))

        def change(state, t):
            x, _ = state
            with tf.GradientTape() as tape:
                tape.watch(x)
                velocity = self.velocity(x, t, label)
                product = tf.reduce_sum(signs * velocity)
            divergence = tf.reduce_sum(signs * tape.gradient(product, x), axes)
            return velocity, divergence

        noise, divergences = solve(change, (x, tf.zeros(tf.shape(x)[:1])), 1.0, 0.0, steps)
        flat = tf.reshape(noise, (-1, self.latent_dim))
        zeros = tf.zeros_like(flat)
        return losses.gaussian_log_density(flat, zeros, zeros) + divergences
