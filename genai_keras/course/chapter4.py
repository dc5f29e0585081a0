"""Chapter 4, the variational autoencoder."""

import numpy as np
from keras import ops

from genai_keras import losses
from genai_keras.course.marking import Exercise


def reparameterize(mean, log_variance, noise):
    """z = mean + exp(log_variance / 2) * noise."""
    return mean + np.exp(log_variance / 2) * noise


def gaussian_kl(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) of each row, summed over latents."""
    return ops.sum(losses.gaussian_kl(mean, log_variance), axis=-1)


def bernoulli_nll(x, logits):
    """-log p(x) of each image, summed over its pixels, from logits."""
    return np.sum(np.logaddexp(0.0, logits) - x * logits, axis=(1, 2, 3))


def gaussian_log_density(z, mean, log_variance):
    """log N(z; mean, variance), summed over the last axis."""
    return losses.gaussian_log_density(z, mean, log_variance)


def _latents(rng):
    """Three arrays of (rows, latents), with a different shape in each case."""
    shapes = [(4, 3), (1, 5), (6, 2)]
    return [tuple(rng.normal(0, 0.8, (3, *shape)).astype("float32")) for shape in shapes]


def _images(rng):
    cases = []
    for shape, scale in (((3, 4, 4, 1), 1.5), ((2, 3, 5, 1), 3.0), ((2, 2, 2, 1), 150.0)):
        x = (rng.random(shape) < 0.4).astype("float32")
        cases.append((x, rng.normal(0, scale, shape).astype("float32")))
    return cases


def _naive_nll(x, logits):
    p = 1 / (1 + np.exp(-logits))
    return -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=(1, 2, 3))


def _naive_nll_of_each_case(x, logits):
    p = 1 / (1 + np.exp(-logits))
    return -np.sum(np.where(x == 1, np.log(p), np.log(1 - p)), axis=(1, 2, 3))


EXERCISES = (
    Exercise(
        reparameterize,
        _latents,
        {
            "exp(log_variance) is the variance: scale the noise by the standard deviation, its "
            "root": lambda m, v, e: m + np.exp(v) * e,
            "the noise is scaled by the logarithm: use exp(log_variance / 2)": lambda m, v, e: (
                m + v * e
            ),
            "half the logarithm is not yet the deviation: where is the exp?": lambda m, v, e: (
                m + v / 2 * e
            ),
            "the root of the logarithm is not the deviation: use exp(log_variance / 2)": (
                lambda m, v, e: m + np.sqrt(v) * e
            ),
            "the mean is missing": lambda m, v, e: np.exp(v / 2) * e,
            "this is only the mean: without noise it is a plain autoencoder": lambda m, v, e: m,
            "all latents of a row share the noise of the first: multiply elementwise": (
                lambda m, v, e: m + np.exp(v / 2) * e[:, :1]
            ),
        },
    ),
    Exercise(
        gaussian_kl,
        lambda rng: [case[:2] for case in _latents(rng)],
        {
            "twice the expected value: is the 0.5 there?": lambda m, v: (
                2 * np.array(gaussian_kl(m, v))
            ),
            "this is the mean over latents: take the sum": lambda m, v: (
                np.array(gaussian_kl(m, v)) / m.shape[-1]
            ),
            "this is one number for the whole batch: sum over latents only (axis=-1)": (
                lambda m, v: np.sum(gaussian_kl(m, v))
            ),
            "this is the mean over the batch: return one number per row": lambda m, v: np.mean(
                gaussian_kl(m, v)
            ),
            "not summed over latents yet": lambda m, v: losses.gaussian_kl(m, v),
            "the sign is wrong: a divergence is never negative": lambda m, v: (
                -np.array(gaussian_kl(m, v))
            ),
            "log_variance is the logarithm: use exp of it as the variance": (
                lambda m, v: 0.5 * np.sum(v + m**2 - 1 - np.log(v), axis=-1)
            ),
            "the variance is exp(log_variance), not exp(2 log_variance): no square": lambda m, v: (
                0.5 * np.sum(np.exp(2 * v) + m**2 - 1 - 2 * v, axis=-1)
            ),
            "the -1 is missing: the divergence of N(0, 1) itself must be 0": lambda m, v: (
                0.5 * np.sum(np.exp(v) + m**2 - v, axis=-1)
            ),
            "square the mean": lambda m, v: 0.5 * np.sum(np.exp(v) + m - 1 - v, axis=-1),
        },
    ),
    Exercise(
        bernoulli_nll,
        _images,
        {
            "log(0) for large logits: np.logaddexp(0, l) is log(1 + exp(l)) and stays finite": (
                _naive_nll
            ),
            "log(0) for large logits, in one of the two cases: np.logaddexp(0, l) is log(1 + "
            "exp(l)) and stays finite": _naive_nll_of_each_case,
            "this is the mean over pixels: the probability of an image is the product over its "
            "pixels, so take the sum": lambda x, a: bernoulli_nll(x, a) / x[0].size,
            "this is one number for the whole batch: return one per image": lambda x, a: np.sum(
                bernoulli_nll(x, a)
            ),
            "this is the mean over the batch: return one number per image": lambda x, a: np.mean(
                bernoulli_nll(x, a)
            ),
            "this is log p(x): return its negative": lambda x, a: -bernoulli_nll(x, a),
            "black and white are swapped": lambda x, a: bernoulli_nll(1 - x, a),
            "only the white pixels count: the black ones must add -log(1 - p)": lambda x, a: np.sum(
                x * np.logaddexp(0.0, -a), axis=(1, 2, 3)
            ),
            "the sigmoid is applied twice: apply it to the logits only": lambda x, a: bernoulli_nll(
                x, 0.5 * (1 + np.tanh(a / 2))
            ),
        },
    ),
    Exercise(
        gaussian_log_density,
        _latents,
        {
            "log(2 pi) is missing": lambda z, m, v: (
                -0.5 * np.sum(v + (z - m) ** 2 * np.exp(-v), axis=-1)
            ),
            "log_variance is missing: a wide Gaussian has a low density": lambda z, m, v: (
                -0.5 * np.sum(np.log(2 * np.pi) + (z - m) ** 2 * np.exp(-v), axis=-1)
            ),
            "divide the squared distance by the variance": lambda z, m, v: (
                -0.5 * np.sum(np.log(2 * np.pi) + v + (z - m) ** 2, axis=-1)
            ),
            "the squared distance is divided by the deviation: divide by the variance": (
                lambda z, m, v: (
                    -0.5 * np.sum(np.log(2 * np.pi) + v + (z - m) ** 2 * np.exp(-v / 2), axis=-1)
                )
            ),
            "the squared distance is multiplied by the variance: divide": lambda z, m, v: (
                -0.5 * np.sum(np.log(2 * np.pi) + v + (z - m) ** 2 * np.exp(v), axis=-1)
            ),
            "this is the density: return its logarithm": lambda z, m, v: np.exp(
                gaussian_log_density(z, m, v)
            ),
            "the sign is wrong": lambda z, m, v: -np.array(gaussian_log_density(z, m, v)),
            "twice the expected value: is the 0.5 there?": lambda z, m, v: (
                2 * np.array(gaussian_log_density(z, m, v))
            ),
            "this is the mean over latents: take the sum": lambda z, m, v: (
                np.array(gaussian_log_density(z, m, v)) / z.shape[-1]
            ),
        },
    ),
)
