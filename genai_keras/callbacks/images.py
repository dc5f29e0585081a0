"""A picture an epoch, as PNG, on TensorBoard and as a film; and the grid of generated pictures."""

import math

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from genai_keras.callbacks.epochs import EachEpoch
from genai_keras.data.images import to_pixels
from genai_keras.files import whole_file

ANIMATION_FRAMES = 60  # at most; a longer run's film leaves epochs out evenly
ANIMATION_SECONDS = 8.0


class EpochImage(EachEpoch):
    """Draws a picture before training and after each epoch, and makes a film of them at the end.

    Args:
        run_dir: the run folder.
        name: the picture's name on TensorBoard.
        stem: of the files' names; the film of `epoch` is called `progress.gif`.
    """

    def __init__(self, run_dir, name, stem="epoch"):
        super().__init__(run_dir, stem)
        self.film = self.samples / ("progress.gif" if stem == "epoch" else f"{stem}.gif")
        self.name = name

    def draw(self, logs):
        """Returns `(height, width, 3)` uint8; may add to the epoch's `logs`."""
        raise NotImplementedError

    def show(self, path, epoch, logs):
        pixels = self.draw(logs)
        with whole_file(path) as unfinished:
            Image.fromarray(pixels).save(unfinished)
        tf.summary.image(self.name, pixels[None])

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        save_animation(self.shown(), self.film)


class ImageGrid(EpochImage):
    """A grid of pictures from noise that stays the same, so that each can be watched as it changes.

    A conditional model's classes are its columns.

    Args:
        run_dir: the run folder.
        count: how many pictures.
        seed: of the noise.
        low: the value of black.
    """

    def __init__(self, run_dir, count=64, seed=0, low=-1.0):
        super().__init__(run_dir, "generated")
        self.count = count
        self.seed = seed
        self.low = low

    def draw(self, logs):
        classes = self.model.classes or 1
        pictures = self.model.generate(max(self.count // classes, 1) * classes, seed=self.seed)
        return image_grid(pictures, columns=self.model.classes or None, low=self.low)


def image_grid(images, columns=None, least_side=560, gap=2, low=-1.0):
    """Lays pictures out in a grid, enlarged by whole pixels if it would be small.

    Args:
        images: `(n, height, width, 1 or 3)` in `low`..1.
        columns: pictures a row; None makes the grid about square.
        least_side: pixels that the grid's width should reach.
        gap: pixels between pictures, before enlarging.
        low: the value of black.

    Returns:
        `(grid_height, grid_width, 3)` uint8.
    """
    pixels = to_pixels(images, low)
    n, height, width, _ = pixels.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    grid = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 128, "uint8")
    for index, picture in enumerate(pixels):
        y, x = (index // columns) * (height + gap) + gap, (index % columns) * (width + gap) + gap
        grid[y : y + height, x : x + width] = picture  # one grey channel fills all three
    factor = math.ceil(least_side / grid.shape[1])
    return grid.repeat(factor, axis=0).repeat(factor, axis=1)


def save_animation(paths, film):
    """Makes an animated GIF of pictures named `epoch_0007.png`, each with its epoch below."""
    if len(paths) > ANIMATION_FRAMES:
        paths = [paths[round(i)] for i in np.linspace(0, len(paths) - 1, ANIMATION_FRAMES)]
    frames = []
    for path in paths:
        with Image.open(path) as picture:
            frame = Image.new("RGB", (picture.width, picture.height + 24), "white")
            frame.paste(picture.convert("RGB"), (0, 0))
        caption = f"epoch {int(path.stem.split('_')[1])}"
        ImageDraw.Draw(frame).text((8, frame.height - 19), caption, fill="black", font_size=14)
        frames.append(frame.quantize(64))
    milliseconds = [int(1000 * ANIMATION_SECONDS / len(frames))] * len(frames)
    milliseconds[-1] = 2_000  # stay on the last before it starts again
    with whole_file(film) as unfinished:
        frames[0].save(
            unfinished, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
        )
