"""Pictures that a language model of pixels writes, and that it completes."""

import numpy as np

from genai_keras.callbacks.images import EpochImage, ImageGrid, image_grid
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


class Completions(EpochImage):
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
        completed = complete(self.model, self.sequences, COMPLETIONS, **self.sampling)
        return completion_grid(self.sequences, completed)


def complete(model, sequences, times=1, **sampling):
    """Writes the lower halves of pictures whose upper halves are given.

    Args:
        model: a `LanguageModel` of pixels.
        sequences: `(n, pixels)` int.
        times: how often to complete each of them.
        **sampling: as of `LanguageModel.generate`.

    Returns:
        `(times * n, pixels)` int32: all n, then all n again.
    """
    half = _half(sequences)
    prompts = np.tile(sequences[:, :half], (times, 1))
    return np.concatenate(list(model.stream(prompts, sequences.shape[1] - half, **sampling)))


def completion_grid(sequences, completed):
    """Columns: a picture, its upper half, and its completions below; `(height, width, 3)` uint8."""
    half = _half(sequences)
    given = np.full_like(sequences, 0.5, dtype="float32")  # grey: not given
    given[:, :half] = sequences[:, :half]
    rows = np.concatenate([sequences, given, completed])
    return image_grid(to_images(rows), columns=len(sequences), low=0.0)


def _half(sequences):
    """The pixels of a picture's upper half, whole rows."""
    side = round(sequences.shape[1] ** 0.5)
    return side * (side // 2)
