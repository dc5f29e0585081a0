"""Toy distributions with a known density, so that a model can be compared with the truth."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches


@dataclass(frozen=True)
class GaussianMixture:
    """A 1-D mixture of Gaussians: `weights`, `means` and `deviations`, with one entry per mode."""

    weights: tuple[float, ...] = (0.6, 0.4)
    means: tuple[float, ...] = (-2.0, 2.0)
    deviations: tuple[float, ...] = (0.5, 0.8)

    def sample(self, count, seed):
        """Draws `count` points, `(count, 1)` float32."""
        rng = np.random.default_rng(seed)
        modes = rng.choice(len(self.weights), size=count, p=self.weights)
        points = rng.normal(np.take(self.means, modes), np.take(self.deviations, modes))
        return points[:, None].astype("float32")

    def density(self, x):
        """p(x) at every point of an array."""
        return sum(w * norm.pdf(x) for w, norm in self._parts())

    def quantiles(self, probabilities):
        """The points below which the given fractions of the probability lie, to about 1e-3."""
        low = min(np.subtract(self.means, np.multiply(8, self.deviations)))
        high = max(np.add(self.means, np.multiply(8, self.deviations)))
        grid = np.linspace(low, high, 20_001)
        cumulative = sum(w * norm.cdf(grid) for w, norm in self._parts())
        return np.interp(probabilities, cumulative, grid)

    def wasserstein(self, samples):
        """Wasserstein-1 distance of samples to this distribution, in units of x."""
        from scipy import stats

        points = np.ravel(samples)
        return float(
            stats.wasserstein_distance(
                points, self.quantiles((np.arange(points.size) + 0.5) / points.size)
            )
        )

    def _parts(self):
        """Pairs of a weight and its normal distribution."""
        from scipy import stats  # here, because the import takes a second

        for weight, mean, deviation in zip(self.weights, self.means, self.deviations, strict=True):
            yield weight, stats.norm(mean, deviation)


def load_mixture(batch_size, seed=0, limit=None, mixture=None):
    """Loads points of a Gaussian mixture: 100,000 for training and 2,000 others for validation.

    Returns:
        `(training, validation)`, two `Batches` of shape `(1,)`.
    """
    mixture = mixture or GaussianMixture()
    train, validation = mixture.sample(limit or 100_000, seed=1), mixture.sample(2_000, seed=2)

    def batches(points):
        points = tf.constant(points)
        return Batches(lambda i: tf.gather(points, i), len(points), (1,), batch_size, seed)

    return batches(train), batches(validation)
