"""Wrong answers to chapter 4 as learners give them, each with a part of the hint it should get."""

import math

import numpy as np
from keras import ops


def kl_in_a_loop(mean, log_variance):
    total = 0.0
    for m, v in zip(np.ravel(mean), np.ravel(log_variance), strict=True):
        total += 0.5 * (math.exp(v) + m * m - 1 - v)
    return total


WRONG = (
    ("reparameterize", "the standard deviation, its root", lambda m, v, e: m + ops.exp(v) * e),
    ("reparameterize", "the noise is scaled by the logarithm", lambda m, v, e: m + e * v),
    ("reparameterize", "plain autoencoder", lambda m, v, e: m),
    ("gaussian_kl", "is the 0.5 there", lambda m, v: (np.exp(v) + m * m - 1 - v).sum(-1)),
    (
        "gaussian_kl",
        "this is the mean over latents",
        lambda m, v: -0.5 * ops.mean(1 + v - m**2 - ops.exp(v), 1),
    ),
    ("gaussian_kl", "one number for the whole batch", kl_in_a_loop),
    (
        "gaussian_kl",
        "the sign is wrong",
        lambda m, v: 0.5 * np.sum(1 + v - m**2 - np.exp(v), 1),
    ),
    (
        "bernoulli_nll",
        "np.logaddexp",
        lambda x, a: (
            -np.sum(
                np.where(x == 1, np.log(1 / (1 + np.exp(-a))), np.log(1 - 1 / (1 + np.exp(-a)))),
                axis=(1, 2, 3),
            )
        ),
    ),
    (
        "bernoulli_nll",
        "this is the mean over pixels",
        lambda x, a: np.mean(np.logaddexp(0, a) - x * a, (1, 2, 3)),
    ),
    (
        "bernoulli_nll",
        "one number for the whole batch",
        lambda x, a: np.sum(np.logaddexp(0, a) - x * a),
    ),
    (
        "bernoulli_nll",
        "this is log p(x)",
        lambda x, a: np.sum(x * a - np.logaddexp(0, a), (1, 2, 3)),
    ),
    (
        "gaussian_log_density",
        "log(2 pi) is missing",
        lambda z, m, v: -np.sum((z - m) ** 2 / (2 * np.exp(v)) + v / 2, axis=1),
    ),
    (
        "gaussian_log_density",
        "divided by the deviation",
        lambda z, m, v: -0.5 * np.sum(math.log(2 * math.pi) + v + (z - m) ** 2 / np.exp(v / 2), 1),
    ),
    (
        "gaussian_log_density",
        "this is the density",
        lambda z, m, v: np.prod(
            np.exp(-((z - m) ** 2) / (2 * np.exp(v))) / np.sqrt(2 * math.pi * np.exp(v)), axis=1
        ),
    ),
)
