"""Callbacks that show how a model learns: a picture an epoch, on TensorBoard and as a film."""

import io
import math

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from genai_keras.data.images import to_pixels

FILM_FRAMES = 60  # at most; a longer run's film leaves epochs out evenly
FILM_SECONDS = 8.0


class EpochPicture(keras.callbacks.Callback):
    """Draws a picture before training and after each epoch, and makes a film of them at the end.

    Writes `samples/epoch_0001.png`, ..., `samples/progress.gif` and the TensorBoard run `samples`.

    Args:
        run_dir: the run folder.
        name: the picture's name on TensorBoard.
    """

    def __init__(self, run_dir, name):
        super().__init__()
        self.samples = run_dir / "samples"
        self.log_dir = run_dir / "tensorboard" / "samples"
        self.name = name
        self.writer = None

    def draw(self, logs):
        """Returns `(height, width, 3)` uint8; may add to the epoch's `logs`."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        self.samples.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(self.log_dir))
        if not list(self.samples.glob("epoch_*.png")):
            self._show(0, {})

    def on_epoch_end(self, epoch, logs=None):
        self._show(epoch + 1, logs)

    def on_train_end(self, logs=None):
        self.writer.close()
        save_film(sorted(self.samples.glob("epoch_*.png")), self.samples / "progress.gif")

    def _show(self, epoch, logs):
        pixels = self.draw(logs)
        Image.fromarray(pixels).save(self.samples / f"epoch_{epoch:04d}.png")
        with self.writer.as_default():
            tf.summary.image(self.name, pixels[None], step=epoch)
        self.writer.flush()


class ImageGrid(EpochPicture):
    """A grid of pictures from noise that stays the same, so that each can be watched as it changes.

    Args:
        run_dir: the run folder.
        count: how many pictures.
        seed: of the noise.
    """

    def __init__(self, run_dir, count=64, seed=0):
        super().__init__(run_dir, "generated")
        self.count = count
        self.seed = seed

    def draw(self, logs):
        return image_grid(self.model.generate(self.count, seed=self.seed))


class DensityPlot(EpochPicture):
    """A histogram of generated numbers against the density they should have.

    Adds their Wasserstein-1 distance to the true distribution to the epoch's logs, in units of x.

    Args:
        run_dir: the run folder.
        mixture: a `GaussianMixture`.
        count: how many samples to draw.
        seed: of the noise.
    """

    def __init__(self, run_dir, mixture, count=5_000, seed=0):
        super().__init__(run_dir, "density")
        self.mixture = mixture
        self.count = count
        self.seed = seed

    def draw(self, logs):
        samples = self.model.generate(self.count, seed=self.seed)
        distance = self.mixture.wasserstein(samples)
        logs["wasserstein"] = distance
        return density_plot(samples, self.mixture.density, f"Wasserstein-1 distance {distance:.3f}")


def image_grid(images, columns=None, least_side=560, gap=2):
    """Lays pictures out in a grid, enlarged by whole pixels if it would be small.

    Args:
        images: `(n, height, width, 1 or 3)` in [-1, 1].
        columns: pictures a row; None makes the grid about square.
        least_side: pixels that the grid's width should reach.
        gap: pixels between pictures, before enlarging.

    Returns:
        `(grid_height, grid_width, 3)` uint8.
    """
    pixels = to_pixels(images)
    n, height, width, _ = pixels.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    grid = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 128, "uint8")
    for index, picture in enumerate(pixels):
        y, x = (index // columns) * (height + gap) + gap, (index % columns) * (width + gap) + gap
        grid[y : y + height, x : x + width] = picture  # one grey channel fills all three
    factor = math.ceil(least_side / grid.shape[1])
    return grid.repeat(factor, axis=0).repeat(factor, axis=1)


def density_plot(samples, density, title):
    """Plots a histogram of numbers and the density they should have; `(480, 640, 3)` uint8."""
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    figure = Figure(figsize=(6.4, 4.8), dpi=100, layout="constrained")
    axes = figure.subplots()
    x = np.linspace(-6.0, 6.0, 400)
    axes.hist(np.ravel(samples), bins=np.linspace(-6.0, 6.0, 97), density=True, label="generated")
    axes.plot(x, density(x), color="black", label="true density")
    axes.set(title=title, xlabel="x", ylabel="p(x)", ylim=(0.0, 0.8))
    axes.legend(loc="upper right")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def save_film(paths, film):
    """Makes an animated GIF of pictures named `epoch_0007.png`, each with its epoch below."""
    if len(paths) > FILM_FRAMES:
        paths = [paths[round(i)] for i in np.linspace(0, len(paths) - 1, FILM_FRAMES)]
    frames = []
    for path in paths:
        with Image.open(path) as picture:
            frame = Image.new("RGB", (picture.width, picture.height + 24), "white")
            frame.paste(picture.convert("RGB"), (0, 0))
        caption = f"epoch {int(path.stem.split('_')[1])}"
        ImageDraw.Draw(frame).text((8, frame.height - 19), caption, fill="black", font_size=14)
        frames.append(frame.quantize(64))
    milliseconds = [int(1000 * FILM_SECONDS / len(frames))] * len(frames)
    milliseconds[-1] = 2_000  # stay on the last before it starts again
    frames[0].save(film, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
