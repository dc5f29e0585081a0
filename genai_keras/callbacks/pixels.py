"""Images that a language model of pixels generates or completes."""

import numpy as np

from genai_keras.callbacks.images import PREVIEWED, EpochImage, ImageGrid
from genai_keras.data.pixels import to_images
from genai_keras.plots.images import image_grid
from genai_keras.plots.pixels import completion_grid
from genai_keras.sampling.continuation import complete

COMPLETIONS = 3  # different completions of each given half


class PixelGrid(ImageGrid):
    """A grid of images, generated pixel by pixel with the same random numbers in each epoch.

    Args:
        run_dir: the run folder.
        pixels: number of pixels of an image.
        count: number of images.
        **sampling: temperature, top_k, top_p and seed, as in `LanguageModel.generate`.
    """

    def __init__(self, run_dir, pixels, count=36, **sampling):
        super().__init__(run_dir, count)
        self.pixels = pixels
        self.sampling = sampling

    def draw(self, logs):
        nothing = np.zeros((self.count, 0), "int32")
        images = to_images(self.model.generate(nothing, self.pixels, **self.sampling))
        self.preview = images[:PREVIEWED]
        return image_grid(images, value_range=(0, 1))


class Completions(EpochImage):
    """Columns of images: one from the data, its upper half, and possible completions.

    Writes `samples/completion_0001.png`, ....

    Args:
        run_dir: the run folder.
        sequences: images that are not used in training, `(n, pixels)`.
        **sampling: temperature, top_k, top_p and seed, as in `LanguageModel.generate`.
    """

    def __init__(self, run_dir, sequences, **sampling):
        super().__init__(run_dir, "completion", stem="completion")
        self.sequences = np.asarray(sequences)
        self.sampling = sampling

    def draw(self, logs):
        completed = complete(self.model, self.sequences, COMPLETIONS, **self.sampling)
        return completion_grid(self.sequences, completed)
