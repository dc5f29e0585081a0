"""Generated numbers against the density they should have."""

import io

import numpy as np
from PIL import Image

from genai_keras.callbacks.images import EpochImage


class DensityPlot(EpochImage):
    """A histogram of generated numbers against the density they should have.

    Adds their Wasserstein-1 distance to the true distribution to the epoch's logs, in units of x.

    Args:
        run_dir: the run folder.
        mixture: a `GaussianMixture`.
        count: how many samples to draw.
        seed: of the noise.
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


def density_plot(samples, density, title):
    """Plots a histogram of numbers and the density they should have; `(480, 640, 3)` uint8."""
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    figure = Figure(figsize=(6.4, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    x = np.linspace(-6.0, 6.0, 400)
    axes.hist(np.ravel(samples), bins=np.linspace(-6.0, 6.0, 97), density=True, label="generated")
    axes.plot(x, density(x), color="black", label="true density")
    axes.set(title=title, xlabel="x", ylabel="p(x)", ylim=(0.0, 0.8))
    axes.legend(loc="upper right")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))
