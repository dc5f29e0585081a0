"""Images that are half given and half generated."""

import numpy as np

from genai_keras.data.pixels import to_images, upper_half
from genai_keras.plots.images import image_grid, labelled


def completion_grid(sequences, completed):
    """Columns of an image, its upper half, and its completions; `(height, width, 3)` uint8.

    Args:
        sequences: `(n, pixels)`, 0 or 1.
        completed: `(completions * n, pixels)`, first one completion of each, then the next.
    """
    half = upper_half(sequences)
    given = np.full_like(sequences, 0.5, dtype="float32")  # grey: not given
    given[:, :half] = sequences[:, :half]
    rows = np.concatenate([sequences, given, completed])
    grid = image_grid(to_images(rows), columns=len(sequences), value_range=(0, 1))
    completions = [f"completion {i + 1}" for i in range(len(completed) // len(sequences))]
    title = "Validation images: the model is given the upper half and completes it"
    return labelled(grid, title, rows=["original", "given", *completions])
