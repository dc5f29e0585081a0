"""Images as text, for a terminal."""

import numpy as np
from PIL import Image
from rich.text import Text

COLUMNS, ROWS = 14, 7  # characters of one image
GAP = 2  # characters between images
# The bits of the eight dots of a braille character, four rows of two.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
BLANK = 0x2800


def image_strip(images, width=80):
    """The first images side by side, as many as fit: seven lines of text.

    Grey images become braille characters, with a dot where a pixel is bright. Colour images become
    half blocks, two pixels above each other in one character.

    Args:
        images: `(n, height, width, 1 or 3)` in [0, 1].
        width: number of columns of the terminal.

    Returns:
        A `rich.text.Text`.
    """
    fit = max(1, (width + GAP) // (COLUMNS + GAP))
    draw = half_blocks if images.shape[-1] == 3 else braille
    drawn = [draw(image) for image in images[:fit]]
    lines = [Text(" " * GAP).join(row) for row in zip(*drawn, strict=True)]
    return Text("\n").join(lines)


def braille(image):
    """A grey image, `(height, width, 1)` in [0, 1], as lines of braille characters."""
    pixels = _resized(image, 2 * COLUMNS, 4 * ROWS)[..., 0] > 0.5
    cells = pixels.reshape(ROWS, 4, COLUMNS, 2).transpose(0, 2, 1, 3)  # (row, column, 4, 2)
    codes = BLANK + (cells * DOTS).sum((2, 3))
    return [Text("".join(map(chr, row))) for row in codes]


def half_blocks(image):
    """A colour image, `(height, width, 3)` in [0, 1], as lines of coloured half blocks."""
    pixels = np.round(255 * _resized(image, COLUMNS, 2 * ROWS)).astype(int)
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        line = Text()
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            line.append("▀", "rgb({},{},{}) on rgb({},{},{})".format(*above, *below))
        lines.append(line)
    return lines


def _resized(image, width, height):
    channels = [
        Image.fromarray(channel.astype("float32")).resize((width, height), Image.Resampling.BOX)
        for channel in np.moveaxis(np.clip(image, 0, 1), -1, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)
