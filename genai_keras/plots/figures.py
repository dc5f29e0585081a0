"""Matplotlib, whatever the user has set for it."""

import io

import numpy as np
from PIL import Image

from genai_keras.backend import import_matplotlib


def draw(paint, **arguments):
    """Draws a figure in the style of Matplotlib itself, not in the user's.

    Args:
        paint: a function that takes a `matplotlib.figure.Figure` and draws on it.
        **arguments: for the figure, such as `figsize` and `dpi`.

    Returns:
        `(height, width, 3)` uint8.
    """
    matplotlib = import_matplotlib()
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(layout="constrained", **arguments)
        paint(figure)
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))
