"""Grids of images with the names of their classes."""

from genai_keras.plots.fonts import written
from genai_keras.plots.images import LETTERS, image_grid, labelled

MOST_COLUMNS = 20  # classes that a grid shows in columns
COLUMNS = 10  # of a grid of few classes, which have several columns each
ROWS = 10
MOST = 1_000  # images of more classes, unless one asks for more
WIDEST, SPACE = 96, 8  # pixels: of a name that is not cut, and between names


def columns_of(classes):
    """Number of columns of a grid whose images take the classes in turn; None if too many."""
    if classes > MOST_COLUMNS:
        return None
    return classes * max(1, round(COLUMNS / classes))


def usual_count(classes):
    """Number of images of a grid that fits a page, or one of each class if there are many."""
    if not classes:
        return 64
    return ROWS * (columns_of(classes) or 0) or min(classes, MOST)


def class_grid(images, names, value_range=(-1, 1)):
    """A grid of images, `(height, width, 3)` uint8; each column is of one class, with its name.

    Args:
        images: `(n, height, width, 1 or 3)`, with labels in turn.
        names: names of the classes; none, or more than `MOST_COLUMNS`, are not shown.
        value_range: range of the images, `(black, white)`.
    """
    columns = columns_of(len(names)) if names else None
    if not columns:
        return image_grid(images, value_range=value_range)
    widths = (font.getlength(text) for text, font in (written(name, LETTERS) for name in names))
    least_side = columns * (min(WIDEST, int(max(widths))) + SPACE) if len(names) > 1 else 0
    grid = image_grid(images, columns, max(560, least_side), value_range=value_range)
    if len(names) == 1:
        return labelled(grid, f"Generated images with the label {names[0]}")
    title = "Generated images, in columns by their label"
    return labelled(grid, title, names * (columns // len(names)))
