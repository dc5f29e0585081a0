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
    """Three arrays of (rows, latents), of another shape each time."""
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
            "exp(log_variance) is the variance: noise is scaled by the standard deviation, its "
            "root": lambda m, v, e: m + np.exp(v) * e,
            "noise is scaled by the logarithm itself: take exp(log_variance / 2)": lambda m, v, e: (
                m + v * e
            ),
            "half the logarithm is not the deviation yet: where is the exp?": lambda m, v, e: (
                m + v / 2 * e
            ),
            "a root of the logarithm is no deviation: exp(log_variance / 2)": lambda m, v, e: (
                m + np.sqrt(v) * e
            ),
            "the mean is missing": lambda m, v, e: np.exp(v / 2) * e,
            "this is the mean only: without the noise it is a plain autoencoder": lambda m, v, e: m,
            "all of one row share the first latent's noise: multiply elementwise": lambda m, v, e: (
                m + np.exp(v / 2) * e[:, :1]
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
            "mean instead of sum over latents": lambda m, v: (
                np.array(gaussian_kl(m, v)) / m.shape[-1]
            ),
            "one number for the whole batch: sum over latents only (axis=-1)": lambda m, v: np.sum(
                gaussian_kl(m, v)
            ),
            "one number, the mean of the batch: return one of each row": lambda m, v: np.mean(
                gaussian_kl(m, v)
            ),
            "not summed over latents yet": lambda m, v: losses.gaussian_kl(m, v),
            "the sign is the wrong way round: a divergence is never negative": lambda m, v: (
                -np.array(gaussian_kl(m, v))
            ),
            "log_variance is the logarithm: take exp of it where the variance stands": (
                lambda m, v: 0.5 * np.sum(v + m**2 - 1 - np.log(v), axis=-1)
            ),
            "the variance is exp(log_variance), not exp(2 log_variance): no square": lambda m, v: (
                0.5 * np.sum(np.exp(2 * v) + m**2 - 1 - 2 * v, axis=-1)
            ),
            "the -1 is missing: N(0, 1) itself must have 0": lambda m, v: (
                0.5 * np.sum(np.exp(v) + m**2 - v, axis=-1)
            ),
            "the mean is to be squared": lambda m, v: 0.5 * np.sum(np.exp(v) + m - 1 - v, axis=-1),
        },
    ),
    Exercise(
        bernoulli_nll,
        _images,
        {
            "log of 0 for large logits: np.logaddexp(0, l) is log(1 + exp(l)) yet finite": (
                _naive_nll
            ),
            "log of 0 for large logits, in one of the two cases: np.logaddexp(0, l) is the log of "
            "1 + exp(l) that stays finite": _naive_nll_of_each_case,
            "mean instead of sum over pixels: a image's probability is the product of its "
            "pixels'": lambda x, a: bernoulli_nll(x, a) / x[0].size,
            "one number for the whole batch: return one a image": lambda x, a: np.sum(
                bernoulli_nll(x, a)
            ),
            "the mean of the batch: return one a image": lambda x, a: np.mean(bernoulli_nll(x, a)),
            "this is log p(x): its negative is asked for": lambda x, a: -bernoulli_nll(x, a),
            "black and white are exchanged": lambda x, a: bernoulli_nll(1 - x, a),
            "only the white pixels count: the black ones add -log(1 - p)": lambda x, a: np.sum(
                x * np.logaddexp(0.0, -a), axis=(1, 2, 3)
            ),
            "a sigmoid of what is no logit any more: the sigmoid is applied twice": lambda x, a: (
                bernoulli_nll(x, 0.5 * (1 + np.tanh(a / 2)))
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
            "log_variance is missing: a wide Gaussian is a low one": lambda z, m, v: (
                -0.5 * np.sum(np.log(2 * np.pi) + (z - m) ** 2 * np.exp(-v), axis=-1)
            ),
            "the squared distance is to be divided by the variance": lambda z, m, v: (
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
            "this is the density: its logarithm is asked for": lambda z, m, v: np.exp(
                gaussian_log_density(z, m, v)
            ),
            "the sign is the wrong way round": lambda z, m, v: (
                -np.array(gaussian_log_density(z, m, v))
            ),
            "twice the expected value: is the 0.5 there?": lambda z, m, v: (
                2 * np.array(gaussian_log_density(z, m, v))
            ),
            "mean instead of sum over latents": lambda z, m, v: (
                np.array(gaussian_log_density(z, m, v)) / z.shape[-1]
            ),
        },
    ),
)
