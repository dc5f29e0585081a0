"""Wrong answers to chapter 1 as learners give them, each with a part of the hint it should get."""

import math

import keras
import numpy as np
from keras import ops
from scipy import stats


def relu_in_loops(x, kernel, bias):
    output = np.zeros((len(x), len(bias)))
    for row in range(len(x)):
        for unit in range(len(bias)):
            h = sum(x[row][i] * kernel[i][unit] for i in range(len(kernel))) + bias[unit]
            output[row, unit] = h if h > 0 else 0.0
    return output


def bias_afterwards(x, kernel, bias):
    h = np.dot(x, kernel)
    h[h < 0] *= 0.2
    return h + bias


def every_pair(targets, predictions):
    return ops.mean(ops.square(predictions - targets))


def error_in_a_loop(targets, predictions):
    total = 0.0
    for target, (prediction,) in zip(targets, predictions, strict=True):
        total += abs(target - prediction) ** 2
    return total


def density_point_by_point(x, weights, means, deviations):
    result = []
    for point in x:
        p = 0.0
        for w, m, s in zip(weights, means, deviations, strict=True):
            p += w * np.exp(-((point - m) ** 2) / (2 * s**2)) / (s * math.sqrt(2 * math.pi))
        result.append(np.log(p))
    return np.array(result)


def square_forgotten(x, weights, means, deviations):
    scale = ops.sqrt(2 * math.pi * deviations**2)
    terms = ops.log(weights / scale) - (x[:, None] - means) ** 2 / (2 * deviations)
    return ops.logsumexp(terms, axis=1)


def logs_averaged(x, weights, means, deviations):
    total = np.zeros(len(x))
    for w, m, s in zip(weights, means, deviations, strict=True):
        total += w * stats.norm(m, s).logpdf(x)
    return total


def no_weights(x, weights, means, deviations):
    logs = -np.log(deviations * np.sqrt(2 * np.pi)) - ((x[:, None] - means) / deviations) ** 2 / 2
    return np.logaddexp.reduce(logs, axis=1)


def summed_over_points(x, weights, means, deviations):
    gaussians = zip(np.log(weights), means, deviations, strict=True)
    logs = [w + stats.norm.logpdf(x, m, s) for w, m, s in gaussians]
    return np.logaddexp.reduce(logs, axis=0).sum()


def every_distance(samples, others):
    return sum(abs(a - b) for a in samples for b in others) / (len(samples) * len(others))


def root_of_squares(samples, others):
    difference = ops.sort(samples) - ops.sort(others)
    return ops.sqrt(ops.mean(ops.square(difference)))


def added_up(samples, others):
    return sum(abs(a - b) for a, b in zip(sorted(samples), sorted(others), strict=True))


WRONG = (
    ("dense_layer", "this is plain ReLU", relu_in_loops),
    ("dense_layer", "this is plain ReLU", lambda x, w, b: ops.relu(ops.matmul(x, w) + b)),
    ("dense_layer", "bias is added after", bias_afterwards),
    ("dense_layer", "the activation is missing", lambda x, w, b: np.einsum("bi,iu->bu", x, w) + b),
    ("dense_layer", "the slope is 0.3", lambda x, w, b: keras.layers.LeakyReLU()(x @ w + b)),
    ("dense_layer", "bias is missing", lambda x, w, b: ops.leaky_relu(ops.dot(x, w))),
    ("mean_squared_error", "each target with every prediction", every_pair),
    ("mean_squared_error", "this is the sum over the batch", error_in_a_loop),
    ("mean_squared_error", "this is one error per sample", lambda t, p: (p.ravel() - t) ** 2),
    (
        "mean_squared_error",
        "this is one error per sample",
        lambda t, p: keras.losses.mean_squared_error(t[:, None], p),
    ),
    (
        "mean_squared_error",
        "root of the mean",
        lambda t, p: np.linalg.norm(t - np.squeeze(p)) / math.sqrt(len(t)),
    ),
    (
        "mean_squared_error",
        "mean absolute error",
        lambda t, p: keras.losses.MeanAbsoluteError()(t, p),
    ),
    ("mixture_log_density", "log(0) is infinite", density_point_by_point),
    ("mixture_log_density", "the square is missing", square_forgotten),
    ("mixture_log_density", "mean of the logarithms", logs_averaged),
    ("mixture_log_density", "weights are missing", no_weights),
    ("mixture_log_density", "one number for all points", summed_over_points),
    ("wasserstein_distance", "sort both sets first", lambda a, b: ops.mean(ops.abs(a - b))),
    ("wasserstein_distance", "mean over all pairs", every_distance),
    ("wasserstein_distance", "Wasserstein-2 distance", root_of_squares),
    ("wasserstein_distance", "the sum of the distances", added_up),
    (
        "wasserstein_distance",
        "the absolute value is missing",
        lambda a, b: np.mean(np.sort(a) - np.sort(b)),
    ),
)
