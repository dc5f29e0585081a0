"""One image per epoch, as PNG, on TensorBoard and as an animation; a grid of generated images."""

import numpy as np
import tensorflow as tf
from PIL import Image

from genai_keras.callbacks.epochs import EachEpoch, read_history
from genai_keras.files import whole_file
from genai_keras.plots.classes import MOST_COLUMNS, class_grid, columns_of
from genai_keras.plots.images import save_animation

PREVIEWED = 10  # images that a wide terminal may show


class EpochImage(EachEpoch):
    """Draws an image before training and after each epoch, and an animation of them at the end.

    Args:
        run_dir: the run folder.
        name: name of the image on TensorBoard.
        stem: beginning of the file names; the animation of `epoch` is called `progress.gif`.
    """

    def __init__(self, run_dir, name, stem="epoch"):
        super().__init__(run_dir, stem)
        self.animation = self.samples / ("progress.gif" if stem == "epoch" else f"{stem}.gif")
        self.name = name

    def draw(self, logs):
        """Returns `(height, width, 3)` uint8; may add to the epoch's `logs`."""
        raise NotImplementedError

    def show(self, path, epoch, logs):
        pixels = self.draw(logs)
        with whole_file(path) as unfinished:
            Image.fromarray(pixels).save(unfinished)
        tf.summary.image(f"images/{self.name}", pixels[None], step=epoch)

    def on_train_end(self, logs=None):
        save_animation(self.shown(), self.animation, self.captions())

    def captions(self):
        """The first two figures of each epoch, by its number."""
        return {
            int(row["epoch"]) + 1: "   ".join(
                f"{name} {row[name]:.2f}" for name in self.model.headline[:2] if name in row
            )
            for row in read_history(self.history)
        }


class ImageGrid(EpochImage):
    """A grid of images from fixed noise, so that one can watch each image change.

    The columns of a conditional model are its classes, at most the first `MOST_COLUMNS`.

    Args:
        run_dir: the run folder.
        count: number of images.
        seed: seed of the noise.
        class_names: names of the classes of a conditional model; numbers if there are none.
    """

    def __init__(self, run_dir, count=64, seed=0, *, class_names=()):
        super().__init__(run_dir, "generated")
        self.count = count
        self.seed = seed
        self.class_names = class_names

    def draw(self, logs):
        count, labels = self.count, None
        names = (self.class_names or [*map(str, range(self.model.classes))])[:MOST_COLUMNS]
        if names:
            columns = columns_of(len(names))
            count = columns * max(count // columns, 1)
            labels = np.arange(count) % len(names)
        images = self.model.generate(count, self.seed, labels)
        low, high = self.model.value_range
        self.preview = (images[:PREVIEWED] - low) / (high - low)
        return class_grid(images, names, self.model.value_range)
