"""Generated numbers compared with their true density."""

from genai_keras.callbacks.images import EpochImage
from genai_keras.plots.density import density_plot


class DensityPlot(EpochImage):
    """A histogram of generated numbers and their true density.

    Also adds their Wasserstein-1 distance to the true distribution, in units of x, to the logs.

    Args:
        run_dir: the run folder.
        mixture: a `GaussianMixture`.
        count: number of samples to draw.
        seed: seed of the noise.
    """

    def __init__(self, run_dir, mixture, count=5_000, seed=0):
        super().__init__(run_dir, "density")
        self.mixture = mixture
        self.count = count
        self.seed = seed

    def draw(self, logs):
        samples = self.model.generate(self.count, seed=self.seed)
        distance = self.mixture.wasserstein(samples)
        logs["wasserstein"] = distance
        return density_plot(samples, self.mixture.density, f"Wasserstein-1 distance {distance:.3f}")
