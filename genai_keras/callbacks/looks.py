"""How generated samples differ from real ones: in variety, in noise and in how bright they are."""

import numpy as np

from genai_keras.callbacks import symptoms

MARGINS = 0.2, 0.2, 0.1  # of the range from black to white, for each of `_looks`


def diversity(samples, real):
    """How far samples are from each other, relative to real samples, which have 1.

    Args:
        samples: `(n, ...)`, n > 1.
        real: the same number of samples of the data.

    Returns:
        The smaller of two ratios of mean Euclidean distances. The distance to the nearest neighbour
        is 0 if a few samples repeat. The distance between all pairs shrinks if distant modes are
        missing, even where the other samples differ a little.
    """
    return min(
        float(ours / max(theirs, 1e-12))
        for ours, theirs in zip(_distances(samples), _distances(real), strict=True)
    )


def roughness(images):
    """How much neighbouring pixels differ: 2 for white noise, near 0 for smooth images.

    Args:
        images: `(n, height, width, channels)`.

    Returns:
        The mean squared difference of neighbours, relative to the variance of the pixels of an
        image and channel; 0 if no image has any. If neighbours have the correlation r, it is
        2 (1 - r).
    """
    images = np.asarray(images, "float64")
    variance = images.var(axis=(1, 2), ddof=1).mean()
    differences = [np.square(np.diff(images, axis=axis)).mean() for axis in (1, 2)]
    return float(np.mean(differences) / variance) if variance > 1e-12 else 0.0


def outside(samples, real):
    """The fraction of images unlike any real one, by what they are unlike in.

    Args:
        samples, real: `(n, height, width, channels)` in [0, 1].

    Returns:
        The fractions of samples whose brightness, brightness of the border and contrast (the
        standard deviation of the pixels) are beyond those of all real images, by more than 0.2,
        0.2 and 0.1, as a dictionary.
    """
    ours, theirs = _looks(samples), _looks(real)
    beyond = (ours < theirs.min(axis=0) - MARGINS) | (ours > theirs.max(axis=0) + MARGINS)
    return dict(zip(symptoms.OUTSIDE, beyond.mean(axis=0).tolist(), strict=True))


def _looks(images):
    """Brightness, brightness of the border and contrast of each image, `(n, 3)`."""
    border = np.ones(images.shape[1:3], bool)
    border[1:-1, 1:-1] = False
    pixels = (1, 2, 3)
    means = images.mean(axis=pixels), images[:, border].mean(axis=(1, 2))
    return np.stack([*means, images.std(axis=pixels)], axis=-1)


def _distances(samples):
    """The mean distance to the nearest neighbour, and the mean distance between all pairs."""
    from scipy.spatial.distance import pdist, squareform  # here: not every model needs it

    pairs = pdist(np.reshape(samples, (len(samples), -1)).astype("float64"))
    distances = squareform(pairs)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1).mean(), pairs.mean()
