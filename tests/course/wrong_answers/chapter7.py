"""Wrong answers to chapter 7 as learners give them, each with a part of the hint it should get."""

import math

import numpy as np
from keras import ops
from scipy import linalg, special


def root_of_each_number(mean, covariance, other_mean, other_covariance):
    difference = mean - other_mean
    distance = difference.dot(difference)
    distance += np.trace(covariance) + np.trace(other_covariance)
    return distance - 2 * np.trace(np.sqrt(covariance.dot(other_covariance)))


def with_a_norm(mean, covariance, other_mean, other_covariance):
    root = linalg.sqrtm(covariance @ other_covariance).real
    traces = np.trace(covariance) + np.trace(other_covariance) - 2 * np.trace(root)
    return np.linalg.norm(mean - other_mean) + traces


def root_by_eigenvalues(mean, covariance, other_mean, other_covariance):
    eigenvalues = np.linalg.eigvals(covariance @ other_covariance)
    common = np.sum(np.sqrt(eigenvalues.real))
    squares = sum((a - b) ** 2 for a, b in zip(mean, other_mean, strict=True))
    return squares + np.trace(covariance) + np.trace(other_covariance) - common


def roots_first(mean, covariance, other_mean, other_covariance):
    def root(matrix):
        values, vectors = np.linalg.eigh(matrix)
        return vectors @ np.diag(np.sqrt(values)) @ vectors.T

    both = covariance + other_covariance - 2 * root(covariance) @ root(other_covariance)
    return np.sum(np.square(mean - other_mean)) + np.trace(both)


def elementwise_product(mean, covariance, other_mean, other_covariance):
    root = linalg.sqrtm(covariance * other_covariance)
    matrix = covariance + other_covariance - 2 * root
    return np.linalg.norm(mean - other_mean) ** 2 + matrix.trace()


def maximum_forgotten(log_weights):
    largest = np.max(log_weights, axis=0, keepdims=True)
    return np.log(np.sum(np.exp(log_weights - largest), axis=0) / log_weights.shape[0])


def one_maximum(log_weights):
    largest = np.max(log_weights)
    return largest + np.log(np.mean(np.exp(log_weights - largest), axis=0))


def image_by_image(log_weights):
    return [np.log(sum(np.exp(column)) / len(column)) for column in log_weights.T]


def total_variation(counts):
    total, equal = sum(counts), 1 / len(counts)
    return sum(abs(count / total - equal) for count in counts) / 2


def of_those_that_occur(counts):
    seen = [count for count in counts if count]
    return sum(min(count / sum(seen), 1 / len(seen)) for count in seen)


WRONG = (
    ("frechet_distance", "root of each number", root_of_each_number),
    ("frechet_distance", "is not squared", with_a_norm),
    ("frechet_distance", "subtracted once", root_by_eigenvalues),
    ("frechet_distance", "the product of roots is not the root of the product", roots_first),
    ("frechet_distance", "the covariances are multiplied elementwise", elementwise_product),
    ("importance_weighted_bound", "is the ELBO", lambda w: ops.mean(w, axis=0)),
    ("importance_weighted_bound", "log k is missing", lambda w: ops.logsumexp(w, axis=0)),
    ("importance_weighted_bound", "exp(-1000) is 0, and log(0) is infinite", image_by_image),
    ("importance_weighted_bound", "the maximum is subtracted before exp", maximum_forgotten),
    ("importance_weighted_bound", "each column needs its own", one_maximum),
    (
        "importance_weighted_bound",
        "over the batch",
        lambda w: special.logsumexp(w, axis=-1) - math.log(w.shape[-1]),
    ),
    ("bits_per_pixel", "nats per pixel: divide", lambda nats, pixels: ops.divide(nats, pixels)),
    ("bits_per_pixel", "multiplied by log 2", lambda nats, pixels: math.log(2) * nats / pixels),
    (
        "bits_per_pixel",
        "nats are already a logarithm",
        lambda nats, pixels: [math.log2(n) / pixels for n in nats],
    ),
    ("bits_per_pixel", "bits per image", lambda nats, pixels: nats * math.log2(math.e)),
    ("class_coverage", "this is the total variation distance", total_variation),
    (
        "class_coverage",
        "the factor 1/2 is missing",
        lambda counts: 1 - np.linalg.norm(counts / counts.sum() - 1 / len(counts), ord=1),
    ),
    (
        "class_coverage",
        "classes that occur",
        lambda counts: np.count_nonzero(counts) / len(counts),
    ),
    ("class_coverage", "are left out", of_those_that_occur),
    (
        "class_coverage",
        "not always 1 / 10",
        lambda counts: 1 - 0.5 * ops.sum(ops.abs(counts / np.sum(counts) - 1 / 10)),
    ),
)
