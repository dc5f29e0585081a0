"""Pictures that a language model of pixels writes, and that it completes."""

import numpy as np

from genai_keras.callbacks.pictures import EpochPicture, ImageGrid, image_grid
from genai_keras.data.pixels import to_images

COMPLETIONS = 3  # different ends for each given half


class PixelGrid(ImageGrid):
    """A grid of pictures, written pixel by pixel with the same random numbers in each epoch.

    Args:
        run_dir: the run folder.
        pixels: how many a picture has.
        count: how many pictures.
        **sampling: temperature, top_k, top_p and seed, as of `LanguageModel.generate`.
    """

    def __init__(self, run_dir, pixels, count=36, **sampling):
        super().__init__(run_dir, count, low=0.0)
        self.pixels = pixels
        self.sampling = sampling

    def draw(self, logs):
        nothing = np.zeros((self.count, 0), "int32")
        sequences = self.model.generate(nothing, self.pixels, **self.sampling)
        return image_grid(to_images(sequences), low=0.0)


class Completions(EpochPicture):
    """Columns of pictures: one from the data, its upper half, and what could be below it.

    Writes `samples/completion_0001.png`, ....

    Args:
        run_dir: the run folder.
        sequences: pictures that training does not see, `(n, pixels)`.
        **sampling: temperature, top_k, top_p and seed, as of `LanguageModel.generate`.
    """

    def __init__(self, run_dir, sequences, **sampling):
        super().__init__(run_dir, "completion", stem="completion")
        self.sequences = np.asarray(sequences)
        self.sampling = sampling

    def draw(self, logs):
        count, pixels = self.sequences.shape
        side = round(pixels**0.5)
        half = side * (side // 2)
        given = np.full_like(self.sequences, 0.5, dtype="float32")  # grey: not given
        given[:, :half] = self.sequences[:, :half]
        prompts = np.tile(self.sequences[:, :half], (COMPLETIONS, 1))
        completed = self.model.generate(prompts, pixels - half, **self.sampling)
        rows = np.concatenate([self.sequences, given, completed])
        return image_grid(to_images(rows), columns=count, low=0.0)
