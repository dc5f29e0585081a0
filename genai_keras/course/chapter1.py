"""Chapter 1, regression: a dense network, its loss, and a density that it cannot model."""

import keras
import numpy as np
from keras import ops
from scipy import stats
from scipy.special import logsumexp

from genai_keras.course.marking import Exercise

SLOPE = 0.2  # of the leaky ReLU, as in the networks of the package


def dense_layer(x, kernel, bias):
    """leaky_relu(x kernel + bias), with slope 0.2."""
    return ops.leaky_relu(x @ kernel + bias, negative_slope=SLOPE)


def mean_squared_error(targets, predictions):
    """The mean of (target - prediction)^2; Keras drops the axis of one unit automatically."""
    return keras.losses.MeanSquaredError()(targets, predictions)


def mixture_log_density(x, weights, means, deviations):
    """log sum_k weight_k N(x; mean_k, deviation_k^2) of each point."""
    return logsumexp(_log_parts(x, weights, means, deviations), axis=-1)


def wasserstein_distance(samples, others):
    """The mean distance between the sorted numbers of two sets."""
    return stats.wasserstein_distance(samples, others)


def _layers(rng):
    """Inputs, kernels and biases of three shapes, one with a square kernel."""
    cases = []
    for batch, inputs, units in ((5, 3, 4), (2, 4, 4), (6, 2, 3)):
        shapes = ((batch, inputs), (inputs, units), (units,))
        cases.append(tuple(rng.normal(0, 1, shape).astype("float32") for shape in shapes))
    return cases


def _leaky(h, slope=SLOPE):
    return np.where(h > 0, h, slope * h)


def _predictions(rng):
    """Targets (batch,) and predictions (batch, 1)."""
    cases = []
    for batch in (6, 3, 9):
        targets = rng.normal(0, 2, batch).astype("float32")
        errors = rng.normal(0.7, 1, batch)
        cases.append((targets, (targets + errors)[:, None].astype("float32")))
    return cases


def _errors(targets, predictions):
    return targets - predictions[:, 0]


def _mixtures(rng):
    """Points near the modes; in the last case so far away that every density is 0."""
    cases = []
    for modes, points in ((2, 7), (3, 5), (4, 6)):
        means = rng.uniform(-3, 3, modes)
        deviations = rng.uniform(0.4, 1.5, modes)
        x = rng.uniform(-4, 4, points)
        if len(cases) == 2:
            x[1:] = rng.choice([-1, 1], points - 1) * rng.uniform(70, 100, points - 1)
        case = (x, rng.dirichlet(np.full(modes, 5.0)), means, deviations)
        cases.append(tuple(each.astype("float32") for each in case))
    return cases


def _log_parts(x, weights, means, deviations):
    """log(weight_k N(x; mean_k, deviation_k^2)), `(points, modes)`."""
    x, weights, means, deviations = (
        np.asarray(each, "float64") for each in (x, weights, means, deviations)
    )
    return np.log(weights) + stats.norm.logpdf(x[:, None], means, deviations)


def _samples(rng):
    """Two unsorted sets of equal size: some points must move right, others left, but less."""
    cases = []
    while len(cases) < 3:
        size = (7, 4, 12)[len(cases)]
        samples, others = rng.normal(0, 1.5, size), rng.normal(0.5, 0.7, size)
        moves = np.sort(others) - np.sort(samples)
        if moves.min() < -0.1 and moves.mean() > 0.1:
            cases.append((samples.astype("float32"), others.astype("float32")))
    return cases


def _gaps(samples, others):
    return np.abs(np.sort(samples) - np.sort(others))


EXERCISES = (
    Exercise(
        dense_layer,
        _layers,
        {
            "the activation is missing: without it, many layers are equivalent to one": (
                lambda x, w, b: x @ w + b
            ),
            "this is plain ReLU, 0 for negative values: leaky ReLU multiplies them by 0.2": (
                lambda x, w, b: np.maximum(x @ w + b, 0)
            ),
            "the bias is missing: add it before the activation": lambda x, w, b: _leaky(x @ w),
            "the bias is added after the activation: add it before": lambda x, w, b: (
                _leaky(x @ w) + b
            ),
            "the bias is subtracted: add it": lambda x, w, b: _leaky(x @ w - b),
            "the sides are swapped: multiply the negative values by 0.2": lambda x, w, b: (
                np.minimum(x @ w + b, SLOPE * (x @ w + b))
            ),
            "the slope is 0.3, which is LeakyReLU's default in Keras: make it 0.2": (
                lambda x, w, b: _leaky(x @ w + b, 0.3)
            ),
            "the slope is 0.01: make it 0.2": lambda x, w, b: _leaky(x @ w + b, 0.01),
            "the activation is applied to x: apply it to x @ kernel + bias": lambda x, w, b: (
                _leaky(x) @ w + b
            ),
        },
    ),
    Exercise(
        mean_squared_error,
        _predictions,
        {
            "(batch,) minus (batch, 1) is (batch, batch), each target with every prediction: use "
            "predictions[:, 0]": lambda t, p: np.mean((t - p) ** 2),
            "this is the sum over the batch: take the mean": lambda t, p: np.sum(
                _errors(t, p) ** 2
            ),
            "this is one error per sample: take their mean": lambda t, p: _errors(t, p) ** 2,
            "this is the root of the mean: leave out the root": lambda t, p: np.sqrt(
                np.mean(_errors(t, p) ** 2)
            ),
            "this is the mean absolute error: square the differences": lambda t, p: np.mean(
                np.abs(_errors(t, p))
            ),
            "the differences are not squared: positive ones cancel negative ones": lambda t, p: (
                np.mean(_errors(t, p))
            ),
            "the mean is squared: square each difference first, then take the mean": lambda t, p: (
                np.mean(_errors(t, p)) ** 2
            ),
            "half the expected value: there is no factor 1/2 here": lambda t, p: (
                np.mean(_errors(t, p) ** 2) / 2
            ),
            "divided by batch - 1: divide by the number of samples": lambda t, p: (
                np.sum(_errors(t, p) ** 2) / (len(t) - 1)
            ),
        },
    ),
    Exercise(
        mixture_log_density,
        _mixtures,
        {
            "far from the modes every density is 0, and log(0) is infinite: add log weight and log "
            "density, then use logsumexp": lambda *a: np.log(
                np.sum(np.exp(_log_parts(*a)), axis=-1)
            ),
            "the weights are missing: add log(weights) before logsumexp": lambda x, w, m, s: (
                mixture_log_density(x, np.ones_like(w), m, s)
            ),
            "the weights themselves are added: add their logarithms": lambda x, w, m, s: logsumexp(
                w + _log_parts(x, np.ones_like(w), m, s), axis=-1
            ),
            "this is the mean of the logarithms: take the logarithm of the weighted sum": (
                lambda x, w, m, s: np.sum(w * _log_parts(x, np.ones_like(w), m, s), axis=-1)
            ),
            "log(deviation) is missing: a wide Gaussian has a low density": lambda x, w, m, s: (
                logsumexp(np.log(s) + _log_parts(x, w, m, s), axis=-1)
            ),
            "log(2 pi) / 2 is missing": lambda *a: (
                mixture_log_density(*a) + 0.5 * np.log(2 * np.pi)
            ),
            "divide the squared distance by 2 deviation^2: the square is missing": (
                lambda x, w, m, s: logsumexp(
                    np.log(w) - 0.5 * np.log(2 * np.pi * s**2) - (x[:, None] - m) ** 2 / (2 * s),
                    axis=-1,
                )
            ),
            "the deviations are used as variances: square them": (
                lambda x, w, m, s: mixture_log_density(x, w, m, np.sqrt(s))
            ),
            "this is one number for all points: sum over the modes only, axis=-1": lambda *a: (
                np.sum(mixture_log_density(*a))
            ),
        },
    ),
    Exercise(
        wasserstein_distance,
        _samples,
        {
            "the numbers are compared in their original order: sort both sets first": (
                lambda a, b: np.mean(np.abs(a - b))
            ),
            "only the first set is sorted: sort both": lambda a, b: np.mean(np.abs(np.sort(a) - b)),
            "only the second set is sorted: sort both": lambda a, b: np.mean(
                np.abs(a - np.sort(b))
            ),
            "the absolute value is missing: moves to the left also count": lambda a, b: (
                np.mean(a) - np.mean(b)
            ),
            "this is the distance between the two means: take the mean of the distances": (
                lambda a, b: np.abs(np.mean(a) - np.mean(b))
            ),
            "the differences are squared: take their absolute values": lambda a, b: np.mean(
                _gaps(a, b) ** 2
            ),
            "this is the Wasserstein-2 distance: take absolute values, no squares and no root": (
                lambda a, b: np.sqrt(np.mean(_gaps(a, b) ** 2))
            ),
            "this is the sum of the distances: take their mean": lambda a, b: np.sum(_gaps(a, b)),
            "this is the mean over all pairs: match the smallest with the smallest, and so on": (
                lambda a, b: np.mean(np.abs(a[:, None] - b))
            ),
        },
    ),
)
