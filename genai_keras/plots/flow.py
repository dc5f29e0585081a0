"""The way from noise to samples, for images and for numbers."""

import numpy as np

from genai_keras.plots.figures import draw
from genai_keras.plots.images import image_grid, labelled


def image_paths(paths, value_range=(-1, 1)):
    """A grid with one image on its way from noise in each row, `(height, width, 3)` uint8.

    Args:
        paths: `(n, points, height, width, 1 or 3)`, at equally spaced times from 0 to 1.
        value_range: range of the images, `(black, white)`; noise beyond it is cut off.
    """
    points = paths.shape[1]
    images = paths.reshape(-1, *paths.shape[2:])
    grid = image_grid(images, columns=points, value_range=value_range)
    times = [f"{t:.2g}" for t in np.linspace(0.0, 1.0, points)]
    return labelled(grid, "From noise (time 0) to samples (time 1)", times)


def number_paths(paths, density):
    """Lines from noise to samples, beside the true density; `(480, 640, 3)` uint8.

    Args:
        paths: `(n, points, 1)`, at equally spaced times from 0 to 1.
        density: p(x) at every point of an array.
    """

    def paint(figure):
        ways, truth = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
        ways.plot(np.linspace(0.0, 1.0, paths.shape[1]), paths[..., 0].T, lw=0.6, color="C0")
        ways.set(title="Numbers on their way", xlabel="time", ylabel="x", ylim=(-6.0, 6.0))
        x = np.linspace(-6.0, 6.0, 400)
        truth.plot(density(x), x, color="black")
        truth.set(title="True density", xlabel="p(x)")

    return draw(paint, figsize=(6.4, 4.8), dpi=100)
