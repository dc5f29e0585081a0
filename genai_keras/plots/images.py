"""Grids of images, side by side and over time."""

import math

import numpy as np
from PIL import Image, ImageDraw

from genai_keras.data.images import to_pixels
from genai_keras.files import whole_file
from genai_keras.plots.fonts import written

ANIMATION_FRAMES = 60  # at most; for longer runs, the animation skips epochs evenly
ANIMATION_SECONDS = 8.0
GAP = 12  # pixels between captioned images
LINE, LETTERS = 22, 15  # pixels: height of a line above a grid, and of its letters


def image_grid(images, columns=None, least_side=560, gap=2, value_range=(-1, 1)):
    """Arranges images in a grid, enlarged by an integer factor if it would be small.

    Args:
        images: `(n, height, width, 1 or 3)`.
        columns: images per row; None makes the grid about square.
        least_side: width in pixels that the grid should reach.
        gap: pixels between images, before enlarging.
        value_range: range of the images, `(black, white)`.

    Returns:
        `(grid_height, grid_width, 3)` uint8.
    """
    pixels = to_pixels(images, value_range)
    n, height, width, _ = pixels.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    grid = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 128, "uint8")
    for index, image in enumerate(pixels):
        y, x = (index // columns) * (height + gap) + gap, (index % columns) * (width + gap) + gap
        grid[y : y + height, x : x + width] = image  # one grey channel fills all three
    factor = math.ceil(least_side / grid.shape[1])
    return grid.repeat(factor, axis=0).repeat(factor, axis=1)


def labelled(grid, title, columns=(), rows=()):
    """Writes a title above a grid, and labels above its columns and beside its rows.

    Args:
        grid: `(height, width, 3)` uint8, columns of equal width and rows of equal height.
        title: broken into lines if it is long.
        columns: labels from left to right, cut to the width of their columns.
        rows: labels from top to bottom.

    Returns:
        `(height, width, 3)` uint8; the grid is its lower right corner.
    """
    height, width = grid.shape[:2]
    rows = [written(label, LETTERS) for label in rows]
    widths = [font.getlength(label) for label, font in rows]
    left = math.ceil(max(widths, default=-GAP) + GAP)
    columns = list(columns)
    columns = [written(label, LETTERS, width / len(columns)) for label in columns]
    lines = _lines(title, left + width - GAP)
    top = LINE * (len(lines) + bool(columns))
    sheet = Image.new("RGB", (left + width, top + height), "white")
    sheet.paste(Image.fromarray(grid), (left, top))
    draw = ImageDraw.Draw(sheet)
    for number, (line, font) in enumerate(lines):
        draw.text((GAP // 2, LINE * number + 3), line, "black", font)
    for index, (label, font) in enumerate(columns):
        x = left + (index + 0.5) * width / len(columns)
        draw.text((x, top - 4), label, "black", font, "ms")
    for index, (label, font) in enumerate(rows):
        y = top + (index + 0.5) * height / len(rows)
        draw.text((left - GAP // 2, y), label, "black", font, "rm")
    return np.asarray(sheet)


def _lines(text, width):
    """A text broken into lines of at most `width` pixels, each with its font."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        drawn, font = written(longer, LETTERS)
        if font.getlength(drawn) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [written(line, LETTERS, width) for line in lines if line or len(lines) == 1]


def captioned(images, columns=3):
    """Places images of any size side by side on white, each below its name.

    Args:
        images: `(height, width, 3)` uint8, by name.
        columns: images per row.

    Returns:
        `(height, width, 3)` uint8.
    """
    named = [labelled(image, name) for name, image in images.items()]
    width, height = (max(each.shape[axis] for each in named) + GAP for axis in (1, 0))
    rows = math.ceil(len(named) / columns)
    sheet = Image.new("RGB", (min(len(named), columns) * width + GAP, rows * height), "white")
    for index, image in enumerate(named):
        x, y = GAP + index % columns * width, (index // columns + 1) * height - GAP
        sheet.paste(Image.fromarray(image), (x, y - image.shape[0]))
    return np.asarray(sheet)


def save_animation(paths, animation, captions=None):
    """Makes an animated GIF of images named `epoch_0007.png`, each with its epoch below.

    It begins with the last image, which is what a page shows where nothing moves.

    Args:
        paths: the images, in order; without any, no file is written.
        animation: path of the GIF.
        captions: more text for an epoch, by its number.
    """
    if not paths:
        return
    if len(paths) > ANIMATION_FRAMES:
        paths = [paths[round(i)] for i in np.linspace(0, len(paths) - 1, ANIMATION_FRAMES)]
    frames = []
    for path in paths:
        with Image.open(path) as image:
            frame = Image.new("RGB", (image.width, image.height + 24), "white")
            frame.paste(image.convert("RGB"), (0, 0))
        epoch = int(path.stem.split("_")[1])
        caption = f"epoch {epoch}   {(captions or {}).get(epoch, '')}"
        ImageDraw.Draw(frame).text((8, frame.height - 19), caption, fill="black", font_size=14)
        frames.append(frame.quantize(64))
    milliseconds = [2_000] + [int(1000 * ANIMATION_SECONDS / len(frames))] * len(frames)
    with whole_file(animation) as unfinished:
        frames[-1].save(
            unfinished, save_all=True, append_images=frames, duration=milliseconds, loop=0
        )
