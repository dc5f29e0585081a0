"""Grids of images with the names of their classes."""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genai_keras.plots.attention import fonts
from genai_keras.plots.images import image_grid

MOST_COLUMNS = 20  # classes that a grid shows in columns
COLUMNS = 10  # of a grid of few classes, which have several columns each
ROWS = 10
MOST = 1_000  # images of more classes, unless one asks for more
LEAST_WIDTH = 56  # pixels of a column, so that a name fits
SIZE, SPACE = 12, 6  # pixels: of letters, and around names
ELLIPSIS = "…"


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


def column_grid(images, names, value_range):
    """A grid of images that take the classes in turn, with the class of each column above it.

    Args:
        images: `(n, height, width, 1 or 3)`.
        names: names of the classes; none, or more than `MOST_COLUMNS`, are not shown.
        value_range: range of the images, `(black, white)`.

    Returns:
        `(height, width, 3)` uint8.
    """
    columns = columns_of(len(names)) if names else None
    if not columns:
        return image_grid(images, value_range=value_range)
    grid = image_grid(images, columns, max(560, LEAST_WIDTH * columns), value_range=value_range)
    # One name alone is the title of the whole grid.
    texts = drawable(names) * (columns // len(names) if len(names) > 1 else 1)
    heading = Image.new("RGB", (grid.shape[1], SIZE + 2 * SPACE), "white")
    width = heading.width / len(texts)
    for index, (text, font) in enumerate(texts):
        while font.getlength(text) > width - 2 and text != ELLIPSIS:
            text = text.removesuffix(ELLIPSIS)[:-1] + ELLIPSIS
        middle = (index + 0.5) * width, heading.height / 2
        ImageDraw.Draw(heading).text(middle, text, "black", font, anchor="mm")
    return np.concatenate([np.asarray(heading), grid])


def row_grid(images, columns, names, value_range):
    """A grid of images with the name of each row at its left.

    Args:
        images: `(n, height, width, 1 or 3)`.
        columns: images per row.
        names: a name for each row, or none.
        value_range: range of the images, `(black, white)`.

    Returns:
        `(height, width, 3)` uint8.
    """
    grid = image_grid(images, columns, value_range=value_range)
    if not names:
        return grid
    texts = drawable(names)
    widest = int(max(font.getlength(text) for text, font in texts))
    margin = Image.new("RGB", (widest + 2 * SPACE, len(grid)), "white")
    for index, (text, font) in enumerate(texts):
        middle = margin.width - SPACE, (index + 0.5) * margin.height / len(texts)
        ImageDraw.Draw(margin).text(middle, text, "black", font, anchor="rm")
    return np.concatenate([np.asarray(margin), grid], axis=1)


def drawable(names):
    """Pairs of a text and a font that has its characters: the name, or else its place."""
    pairs = []
    for place, name in enumerate(names):
        able = [font for font in fonts() if _characters(font).issuperset(map(ord, name))]
        text = name if able else str(place)
        pairs.append((text, _font((able or fonts())[0])))
    return pairs


@functools.cache
def _font(name):
    from matplotlib import font_manager

    return ImageFont.truetype(font_manager.findfont(name), SIZE)


@functools.cache
def _characters(name):
    """The code points that a font can draw."""
    from matplotlib import font_manager, ft2font

    return set(ft2font.FT2Font(font_manager.findfont(name)).get_charmap())
