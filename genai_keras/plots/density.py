"""Numbers compared with their true density."""

import io

import numpy as np
from PIL import Image


def density_plot(samples, density, title):
    """Plots a histogram of numbers and their true density; `(480, 640, 3)` uint8."""
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
