"""Attention weights as images."""

import math

import numpy as np

from genai_keras.plots.figures import draw
from genai_keras.plots.fonts import escaped, fonts, known_characters

MOST_LABELS = 40  # on an axis; of more tokens, only some are labelled
LONGEST_LABEL = 12  # characters
CELL = 0.15  # inches for each label
LETTER = 0.08  # inches, about the width of one
LEAST_SIDE = 2.2  # inches of a map
FONT_SIZE = 9  # points


def attention_image(maps, queries, keys, doing):
    """Draws attention weights, blocks from top to bottom and heads from left to right.

    The maps have the same tokens, which are written on the left and at the bottom.

    Args:
        maps: `(blocks, heads, query, key)` in [0, 1]; parts without labels are left out.
        queries: a label for each query.
        keys: a label for each key.
        doing: label of the query axis.

    Returns:
        `(height, width, 3)` uint8, larger if there are more tokens.
    """
    blocks, heads = maps.shape[:2]
    maps = maps[:, :, : len(queries), : len(keys)]
    rows, columns = _ticks(queries), _ticks(keys)
    width = heads * _side(columns) + LETTER * _longest(rows) + 1.0
    height = blocks * (_side(rows) + 0.3) + LETTER * _longest(columns) + 1.0

    def paint(figure):
        figure.suptitle("attention weights: black is 0, bright is 1", fontsize=FONT_SIZE + 2)
        for (block, head), axes in np.ndenumerate(figure.subplots(blocks, heads, squeeze=False)):
            axes.imshow(maps[block, head], cmap="magma", vmin=0.0, vmax=1.0, aspect="auto")
            axes.set_title(f"block {block + 1}, head {head + 1}", fontsize=FONT_SIZE + 1)
            _write(axes.xaxis, columns if block == blocks - 1 else {})
            _write(axes.yaxis, rows if head == 0 else {})
            if head == 0:
                axes.set_ylabel(_name(doing, queries))
            if block == blocks - 1:
                axes.set_xlabel(_name("looking at", keys))
                for label in axes.get_xticklabels():
                    label.set_rotation(90 if len(label.get_text()) > 1 else 0)

    return draw(paint, figsize=(width, height), dpi=100)


def printable(label):
    """A label of at most 12 characters, with those that no font can draw as in `\\u4f60`."""
    drawn = escaped(label, known_characters())
    return drawn if len(drawn) <= LONGEST_LABEL else drawn[: LONGEST_LABEL - 1] + "…"


def _ticks(labels):
    """The labels that are written, by their position: all, or evenly spaced ones."""
    return {at: printable(labels[at]) for at in range(0, len(labels), _step(labels))}


def _step(labels):
    return max(1, math.ceil(len(labels) / MOST_LABELS))


def _name(name, labels):
    """The name of an axis, which says if some of its tokens are without labels."""
    return name if _step(labels) == 1 else f"{name} (1 label per {_step(labels)} tokens)"


def _side(ticks):
    """Inches of a map along an axis."""
    return max(CELL * len(ticks), LEAST_SIDE)


def _longest(ticks):
    return max(map(len, ticks.values()), default=0)


def _write(axis, ticks):
    # A label such as `$x$` is no formula.
    style = {"fontsize": FONT_SIZE, "fontfamily": fonts(), "parse_math": False}
    axis.set_ticks(list(ticks), list(ticks.values()), **style)
