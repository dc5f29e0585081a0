"""What a detector learns from: real images, varied a little, and outliers, which are no such thing.

An outlier is made of random numbers or of real images of the same data set, never of other data.
Images are `(n, 28, 28)` float32 in [0, 1]; `generator` is a NumPy random generator.

Reference: Hendrycks et al. 2019, https://arxiv.org/abs/1812.04606
"""

import numpy as np

from genai_keras.evaluation.features import resized

CURVE = 40  # points of a stroke


def varied(images, generator):
    """Half of the images as they are; the others as a fair model would show them.

    They are shifted, stretched, blurred, thinner or thicker, slightly noisy, at 14 x 14 pixels, or
    black and white.
    """
    images = images.copy()
    order = generator.permutation(len(images))
    slight, blurred, noisy, coarse, binary = np.array_split(order[: len(order) // 2], 5)
    moved = np.concatenate([slight, blurred])
    images[moved] **= np.exp(generator.normal(0, 0.3, (len(moved), 1, 1)))
    for part, sigma in ((slight, (0.3, 0.7)), (blurred, (0.5, 1.8))):
        images[part] = resampled(images[part], generator, (0.9, 1.1), (-2, 2), sigma)
    images[noisy] += _white(images[noisy], generator, 0, 0.15)
    images[coarse] = _coarse(images[coarse], 14, generator)
    images[binary] = images[binary] > generator.random(images[binary].shape)
    return np.clip(images, 0, 1)


def make_outliers(images, generator):
    """One outlier for each of the images, from which it may be made; the kinds take turns."""
    images = images[generator.permutation(len(images))]
    for number, kind in enumerate(KINDS):
        images[number :: len(KINDS)] = kind(images[number :: len(KINDS)], generator)
    return np.clip(images, 0, 1)


def noise(images, generator):
    """Noise of any grain and contrast, from salt and pepper to clouds and blank images."""
    grains = np.array_split(generator.normal(size=images.shape).astype("float32"), 3)
    grains[1:] = [
        resampled(grain, generator, sigma=sigma)
        for grain, sigma in zip(grains[1:], ((0.4, 1.5), (1.5, 8)), strict=True)
    ]
    return _painted(np.concatenate(grains), generator)


def waves(images, generator):
    """Stripes, checkerboards and gradients in any direction."""
    n, side, _ = images.shape
    y, x = np.mgrid[:side, :side]
    field = np.ones(images.shape, "float32")
    for directions in (1, 2):
        angle = np.pi / 2 * generator.integers(2, size=(n, 1, 1))
        angle = angle + np.pi * generator.random((n, 1, 1)) * generator.integers(2, size=(n, 1, 1))
        period = np.exp(generator.uniform(np.log(2), np.log(4 * side), (n, 1, 1)))
        phase = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period
        wave = np.sin(phase + generator.uniform(0, 2 * np.pi, (n, 1, 1)))
        field[::directions] *= wave[::directions]
    return _painted(field, generator)


def negatives(images, generator):
    """Black and white exchanged."""
    return 1 - varied(images, generator)


def strokes(images, generator):
    """One to three random Bezier curves, of any width."""
    side = images.shape[1]
    t = np.linspace(0, 1, CURVE)
    bernstein = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    pixels = np.arange(side, dtype="float32")
    drawn = np.zeros(images.shape, "float32")
    for few in (1, 2, 3):
        corners = generator.uniform(-2, side + 1, (len(drawn[::few]), 2, 4)).astype("float32")
        points = (corners @ bernstein.astype("float32"))[:, :, None]  # (m, 2, 1, CURVE)
        squares = (pixels[:, None] - points) ** 2  # (m, 2, side, CURVE)
        distance = np.sqrt((squares[:, 0, :, None] + squares[:, 1, None]).min(axis=-1))
        width = generator.uniform(0.3, 2.5, (len(distance), 1, 1))
        level = generator.uniform(0.5, 1, (len(distance), 1, 1))
        drawn[::few] = np.maximum(drawn[::few], level * np.clip(width + 0.5 - distance, 0, 1))
    return drawn


def shapes(images, generator):
    """One or two filled polygons, flat or textured."""
    side = images.shape[1]
    y, x = np.mgrid[:side, :side]
    drawn = np.zeros(images.shape, "float32")
    for few in (1, 2):
        m = len(drawn[::few])
        top, left = generator.uniform(5, side - 5, (2, m, 1, 1))
        inside = np.ones((m, side, side), bool)
        start = generator.uniform(0, 2 * np.pi, (m, 1, 1))
        for corner in range(6):
            angle = start + corner * generator.choice([np.pi / 3, np.pi / 2, 2.1], (m, 1, 1))
            reach = generator.uniform(2, 14, (m, 1, 1))
            inside &= (y - top) * np.sin(angle) + (x - left) * np.cos(angle) < reach
        fill = generator.uniform(0.2, 1, (m, 1, 1))
        fill = np.where(generator.random((m, 1, 1)) < 0.5, fill, noise(drawn[::few], generator))
        drawn[::few] = np.where(inside, fill, drawn[::few])
    return drawn


def glued(images, generator):
    """Parts of two images on both sides of a line near the middle; a few have only one part."""
    n, side, _ = images.shape
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle = np.pi / 2 * generator.integers(4, size=(n, 1, 1))
    angle = angle + generator.choice([0, 0, 0.3, 0.8], (n, 1, 1))
    cut = generator.uniform(-3, 3, (n, 1, 1))
    other = np.roll(images, 1, axis=0)
    other[::6] = 0
    return np.where(y * np.sin(angle) + x * np.cos(angle) < cut, images, other)


def shuffled(images, generator):
    """Patches of an image in a random order."""
    side = images.shape[1]
    images = images.copy()
    for number, size in enumerate((1, 2, 4, 7, 14)):
        across = side // size
        patches = images[number::5].reshape(-1, across, size, across, size).swapaxes(2, 3)
        patches = patches.reshape(len(patches), across**2, size, size)
        order = generator.random(patches.shape[:2]).argsort(axis=1)
        patches = np.take_along_axis(patches, order[:, :, None, None], axis=1)
        patches = patches.reshape(-1, across, across, size, size).swapaxes(2, 3)
        images[number::5] = patches.reshape(-1, side, side)
    return images


def wrapped(images, generator):
    """Shifted by a third or more; what leaves on one side comes back on the other."""
    n, side, _ = images.shape
    shift = generator.integers(side // 3, side - side // 3 + 1, (n, 2, 1))
    shift[np.arange(n), generator.integers(2, size=n)] *= generator.integers(2, size=(n, 1))
    rows, columns = ((np.arange(side) + shift) % side).swapaxes(0, 1)  # (n, side) each
    return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None]]


def zoomed(images, generator):
    """Much too large, so that they are cut off, or much too small."""
    large, small = np.array_split(images, 2)
    large = resampled(large, generator, (1.7, 3), (-9, 9), (0.3, 0.7))
    return np.concatenate([large, resampled(small, generator, (0.3, 0.5), (-5, 5), (0.8, 1.2))])


def spoilt(images, generator):
    """Mixed with noise or stripes until little is left, or blurred beyond recognition."""
    few, many, rest = np.array_split(images, 3)
    weight = generator.uniform(0.5, 0.95, (len(few), 1, 1))
    few = (1 - weight) * few + weight * generator.choice([noise, waves])(few, generator)
    many = many + _white(many, generator, 0.4, 1.5)
    return np.concatenate([few, many, resampled(rest, generator, sigma=(3.5, 8))])


# Those that are hardest to tell from real images occur more often.
KINDS = (
    noise, waves, negatives, strokes, strokes, strokes, shapes, shapes, glued, glued, glued, glued,
    shuffled, wrapped, zoomed, spoilt, spoilt,
)  # fmt: skip


def resampled(images, generator, scale=(1, 1), shift=(0, 0), sigma=(0.5, 0.5)):
    """Images stretched about the middle, shifted and blurred, over black.

    Args:
        images, generator: as for all of these functions.
        scale: lowest and highest factor, for height and width separately.
        shift: lowest and highest shift in pixels, for each direction.
        sigma: lowest and highest standard deviation of the blur, in pixels of `images`.
    """
    n, side, _ = images.shape
    sigma = generator.uniform(*sigma, (n, 1, 1))
    middle, places = (side - 1) / 2, np.arange(-2 * side, 3 * side)

    def weights():
        """How much each source row adds to each row of the result: `(n, side, side)`."""
        factor, by = (generator.uniform(*limits, (n, 1, 1)) for limits in (scale, shift))
        sources = (np.arange(side)[:, None] - middle - by) / factor + middle  # (n, side, 1)
        found = np.exp(-(((sources - places) / sigma) ** 2) / 2)
        found /= found.sum(axis=-1, keepdims=True)
        return found[..., 2 * side : 3 * side].astype("float32")

    return weights() @ images @ weights().swapaxes(1, 2)


def _painted(field, generator):
    """A field of numbers as grey values, of any mean and any contrast, soft or black and white."""
    field = field / (field.std(axis=(1, 2), keepdims=True) + 1e-6)
    contrast = 10 ** generator.uniform(-2, 1, (len(field), 1, 1))
    level = generator.uniform(0, 1, (len(field), 1, 1))
    return level + contrast * (field - generator.normal(0, 1, (len(field), 1, 1)))


def _white(images, generator, low, high):
    """Gaussian noise of the shape of the images, with a standard deviation from low to high."""
    return generator.uniform(low, high, (len(images), 1, 1)) * generator.normal(size=images.shape)


def _coarse(images, side, generator):
    """Images at `side` x `side` pixels, half of them black and white, and resized again."""
    small = resized(images[..., None], side).numpy()
    small[::2] = small[::2] > generator.random(small[::2].shape)
    return resized(small, images.shape[1]).numpy()[..., 0]
