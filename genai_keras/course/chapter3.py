"""Chapter 3, the DCGAN: sizes, pixels, batch normalization and averaged weights."""

import numpy as np
from keras import layers, ops

from genai_keras.course.marking import Exercise
from genai_keras.data import images


def transposed_convolution_size(size, stride, kernel):
    """The side of the output of a transposed convolution without padding, according to Keras."""
    layer = layers.Conv2DTranspose(1, kernel, stride, padding="valid")
    return layer.compute_output_shape((None, size, size, 1))[1]


def scale_pixels(pixels):
    """0..255 to -1..1."""
    return images.scale(pixels)


def batch_normalization(x, gamma, beta, epsilon):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, with the moments of each channel."""
    mean, variance = ops.moments(x, axes=(0, 1, 2))
    return ops.batch_normalization(x, mean, variance, -1, beta, gamma, epsilon)


def exponential_moving_average(average, weights, decay):
    """decay average + (1 - decay) weights."""
    return decay * average + (1.0 - decay) * weights


def _sizes(rng):
    """Size, stride and kernel; the kernels exceed their strides by different numbers."""
    cases = []
    for stride, more in zip((2, 3, 2, 4, 1), rng.permutation(5) + 1, strict=True):
        kernel = stride + int(more)
        cases.append((kernel + int(rng.integers(1, 15)), stride, kernel))  # it also fits inside
    return cases


def _pixels(rng):
    """Images with and without black and white in them."""
    cases = []
    for shape, low, high in (
        ((2, 4, 4, 1), 0, 256),
        ((3, 2, 5, 3), 30, 220),
        ((1, 3, 3, 1), 0, 90),
    ):
        cases.append((rng.integers(low, high, shape, dtype="uint8"),))
    cases[0][0][0, 0, :2, 0] = 0, 255
    return cases


def _wrapped(numbers):
    """Integers as uint8 stores them: modulo 256."""
    return numbers % 256


def _maps(rng):
    """Feature maps with small variances, so that epsilon matters; the last has zeros."""
    cases = []
    for shape in ((3, 2, 3, 4), (2, 3, 2, 2), (4, 2, 2, 3)):
        channels = shape[-1]
        x = rng.normal(rng.normal(0, 1, channels), rng.uniform(0.3, 1.2, channels), shape)
        if len(cases) == 2:
            x[..., rng.integers(channels)] = 0.0
        gamma, beta = rng.uniform(0.5, 2, channels), rng.normal(0, 1, channels)
        arrays = (each.astype("float32") for each in (x, gamma, beta))
        cases.append((*arrays, float(rng.uniform(0.02, 0.2))))
    return cases


def _normalized(x, gamma, beta, epsilon, axis=(0, 1, 2), ddof=0):
    deviations = np.sqrt(x.var(axis, ddof=ddof, keepdims=True) + epsilon)
    return gamma * (x - x.mean(axis, keepdims=True)) / deviations + beta


def _averages(rng):
    """An average, new weights and a decay: for a bias, a dense and a convolution kernel."""
    return [
        (*rng.normal(0, 1, (2, *shape)).astype("float32"), float(rng.uniform(0.6, 0.95)))
        for shape in ((5,), (3, 4), (2, 2, 3, 2))
    ]


EXERCISES = (
    Exercise(
        transposed_convolution_size,
        _sizes,
        {
            'this is the size with padding="same": nothing is cut off here: the kernel matters': (
                lambda n, s, k: n * s
            ),
            "this is the size after a convolution, which shrinks: here it grows": (
                lambda n, s, k: (n - k) // s + 1
            ),
            "one stride too many: there are size - 1 steps between the first and the last pixel": (
                lambda n, s, k: n * s + k
            ),
            "the last patch is as wide as the kernel: add kernel, not kernel - 1": lambda n, s, k: (
                (n - 1) * s + k - 1
            ),
            "the kernel is missing: the last patch is as wide as the kernel": lambda n, s, k: (
                (n - 1) * s
            ),
            "stride and kernel are swapped: a step is one stride": lambda n, s, k: (n - 1) * k + s,
            "the patches overlap: each begins one stride after the previous one": lambda n, s, k: (
                n * k
            ),
            "the stride is missing: each step is one stride": lambda n, s, k: n - 1 + k,
            "this is the number of pixels: return the length of one side": lambda n, s, k: (
                ((n - 1) * s + k) ** 2
            ),
        },
    ),
    Exercise(
        scale_pixels,
        _pixels,
        {
            "2 * pixels overflows uint8, so 200 becomes 144: convert to floats first": (
                lambda x: _wrapped(2 * x.astype(int)) / 255 - 1
            ),
            "pixels - 128 overflows uint8, so 100 becomes 228: convert to floats first": (
                lambda x: _wrapped(x.astype(int) - 128) / 128
            ),
            "this is 0..1: stretch it to -1..1, the range of tanh": lambda x: x / 255,
            "this is -1..0: divide by 127.5, then subtract 1": lambda x: x / 255 - 1,
            "this is -0.5..0.5: multiply it by 2": lambda x: x / 255 - 0.5,
            "this is 0..2: subtract 1": lambda x: x / 127.5,
            "white, 255, does not become exactly 1: divide by 127.5, which is 255 / 2": lambda x: (
                x / 128 - 1
            ),
            "black and white are swapped: 0 should become -1": lambda x: 1 - x / 127.5,
            "scaled by the smallest and the largest pixel of the images: always use 0 and 255": (
                lambda x: (x - x.min()) / np.ptp(x) * 2 - 1
            ),
        },
    ),
    Exercise(
        batch_normalization,
        _maps,
        {
            "averaged over the batch only: also average over height and width, axis=(0, 1, 2)": (
                lambda *a: _normalized(*a, axis=0)
            ),
            "this is layer normalization, over channels: average over axis=(0, 1, 2)": lambda *a: (
                _normalized(*a, axis=-1)
            ),
            "this is instance normalization: also average over the batch, axis=(0, 1, 2)": (
                lambda *a: _normalized(*a, axis=(1, 2))
            ),
            "there is one mean for all channels: each needs its own, axis=(0, 1, 2)": lambda *a: (
                _normalized(*a, axis=None)
            ),
            "the variance is divided by n - 1: batch normalization divides by n": lambda *a: (
                _normalized(*a, ddof=1)
            ),
            "divided by the variance: divide by its square root": lambda x, g, b, e: (
                g * (x - x.mean((0, 1, 2))) / (x.var((0, 1, 2)) + e) + b
            ),
            "epsilon is added to the deviation: add it to the variance, under the root": (
                lambda x, g, b, e: g * (x - x.mean((0, 1, 2))) / (x.std((0, 1, 2)) + e) + b
            ),
            "epsilon is missing, and a channel of zeros gives 0/0: add it to the variance": (
                lambda x, g, b, e: _normalized(x, g, b, 0.0)
            ),
            "gamma and beta are swapped: multiply by gamma, add beta": lambda x, g, b, e: (
                _normalized(x, b, g, e)
            ),
        },
    ),
    Exercise(
        exponential_moving_average,
        _averages,
        {
            "decay is on the wrong side: the old average gets decay, the weights get 1 - decay": (
                lambda a, w, d: (1 - d) * a + d * w
            ),
            "the weights need the factor 1 - decay, or the average grows": lambda a, w, d: (
                d * a + w
            ),
            "the old average needs the factor decay, or it grows": lambda a, w, d: a + (1 - d) * w,
            "this is the plain mean of both: decay is the weight of the old average": (
                lambda a, w, d: (a + w) / 2
            ),
            "the old average is missing: add decay times it": lambda a, w, d: (1 - d) * w,
            "the new weights are missing: add 1 - decay times them": lambda a, w, d: d * a,
            "both have the factor decay: the weights get 1 - decay": lambda a, w, d: d * (a + w),
            "the average moves away from the weights: it should move towards them": (
                lambda a, w, d: a + (1 - d) * (a - w)
            ),
            "the result is divided by 1 - decay, as Adam does at its first step: leave that out": (
                lambda a, w, d: d * a / (1 - d) + w
            ),
        },
    ),
)
