"""Numbers compared with their true density."""

import numpy as np

from genai_keras.plots.figures import draw


def density_plot(samples, density, title):
    """Plots a histogram of numbers and their true density; `(480, 640, 3)` uint8."""

    def paint(figure):
        axes = figure.subplots()
        x = np.linspace(-6.0, 6.0, 400)
        bins = np.linspace(-6.0, 6.0, 97)
        axes.hist(np.ravel(samples), bins=bins, density=True, label="generated")
        axes.plot(x, density(x), color="black", label="true density")
        axes.set(title=title, xlabel="x", ylabel="p(x)", ylim=(0.0, 0.8))
        axes.legend(loc="upper right")

    return draw(paint, figsize=(6.4, 4.8), dpi=100)
