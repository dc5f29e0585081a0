"""One image per epoch, as PNG, on TensorBoard and as an animation; a grid of generated images."""

import tensorflow as tf
from PIL import Image

from genai_keras.callbacks.epochs import EachEpoch, read_history
from genai_keras.files import whole_file
from genai_keras.plots.images import class_grid, save_animation

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

    The columns of a conditional model are its classes.

    Args:
        run_dir: the run folder.
        count: number of images.
        seed: seed of the noise.
    """

    def __init__(self, run_dir, count=64, seed=0):
        super().__init__(run_dir, "generated")
        self.count = count
        self.seed = seed

    def draw(self, logs):
        classes = self.model.classes or 1
        images = self.model.generate(max(self.count // classes, 1) * classes, seed=self.seed)
        low, high = self.model.value_range
        self.preview = (images[:PREVIEWED] - low) / (high - low)
        return class_grid(images, self.model.classes, self.model.value_range)
