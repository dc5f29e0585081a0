"""Chapter 7, evaluation: how to measure a model."""

import numpy as np
from scipy import linalg
from scipy.special import logsumexp

from genai_keras.course.marking import Exercise
from genai_keras.evaluation import distances, likelihood


def frechet_distance(mean, covariance, other_mean, other_covariance):
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))."""
    return distances.gaussian_frechet_distance(mean, covariance, other_mean, other_covariance)


def importance_weighted_bound(log_weights):
    """log of the mean weight of the k samples in each column, in nats."""
    return likelihood.importance_weighted_bound(log_weights, k=len(log_weights))


def bits_per_pixel(nats, pixels):
    """nats / (pixels log 2)."""
    return nats / (pixels * np.log(2))


def class_coverage(counts):
    """1 - the total variation distance between the fractions of the classes and equal ones."""
    classes = np.arange(len(counts))
    return distances.class_coverage(np.repeat(classes, counts), classes, len(classes))


def _gaussians(rng):
    """Means and covariances of 2, 3 and 5 dimensions, with correlations."""
    cases = []
    while len(cases) < 3:
        d = (2, 3, 5)[len(cases)]
        first, second = rng.uniform(0.5, 1.5, (2, d, 1)) * (
            np.eye(d) + rng.normal(0, 0.4, (2, d, d))
        )
        covariances = [each @ each.T + 0.1 * np.eye(d) for each in (first, second)]
        # The elementwise root exists on the diagonal, too, although it is the wrong one.
        if np.diag(covariances[0] @ covariances[1]).min() > 0:
            means = rng.normal(0, 1, (2, d))
            cases.append((means[0], covariances[0], means[1], covariances[1]))
    return cases


def _frechet(mean, covariance, other_mean, other_covariance, root):
    common = np.real(root(covariance, other_covariance))
    squares = np.sum((mean - other_mean) ** 2)
    return squares + np.trace(covariance + other_covariance - 2 * common)


def _root_of_product(covariance, other):
    return np.real(linalg.sqrtm(covariance @ other))


def _weights(rng):
    """Log weights around -1, and those of large images: thousands and far from each other."""
    centres = -1_000.0 * rng.permutation(np.arange(1, 5))
    cases = [rng.normal(-1, 1.5, shape) for shape in ((5, 3), (8, 2))]
    cases.append(centres + rng.normal(0, 3, (6, 4)))
    return [(case.astype("float32"),) for case in cases]


def _likelihoods(rng):
    pixels = rng.choice([64, 784, 1024, 3072], 3, replace=False)
    return [
        (rng.uniform(0.1, 3, batch) * number, int(number))
        for batch, number in zip((3, 1, 6), pixels, strict=True)
    ]


def _counts(rng):
    """Counts of 4, 7 and 12 classes, one of which does not occur."""
    cases = []
    for classes in (4, 7, 12):
        counts = 1 + rng.multinomial(500, rng.dirichlet(np.ones(classes)))
        counts[rng.integers(classes)] = 0
        cases.append((counts,))
    return cases


def _gaps(counts):
    """How far the fractions are from equal ones, `(classes,)`."""
    return np.abs(counts / counts.sum() - 1 / len(counts))


EXERCISES = (
    Exercise(
        frechet_distance,
        _gaussians,
        {
            "np.sqrt takes the root of each number: use the matrix root, scipy.linalg.sqrtm": (
                lambda *g: _frechet(*g, lambda a, b: np.sqrt(a @ b))
            ),
            "the covariances are multiplied elementwise: use C1 @ C2": lambda *g: _frechet(
                *g, lambda a, b: linalg.sqrtm(a * b)
            ),
            "the root of the product is missing: use scipy.linalg.sqrtm": lambda *g: _frechet(
                *g, np.matmul
            ),
            "the product of roots is not the root of the product: multiply first": lambda *g: (
                _frechet(*g, lambda a, b: linalg.sqrtm(a) @ linalg.sqrtm(b))
            ),
            "the root of the product is subtracted once: it has the factor 2": lambda *g: _frechet(
                *g, lambda a, b: _root_of_product(a, b) / 2
            ),
            "the distance between the means is not squared: add up squares": lambda m, a, n, b: (
                _frechet(0 * m, a, 0 * n, b, _root_of_product) + np.linalg.norm(m - n)
            ),
            "the means are missing: add the squared distance between them": lambda m, a, n, b: (
                _frechet(0 * m, a, 0 * n, b, _root_of_product)
            ),
            "this sums the whole matrix: take its trace": lambda m, a, n, b: (
                np.sum((m - n) ** 2) + np.sum(a + b - 2 * _root_of_product(a, b))
            ),
            "this is the root of the result: leave out the root": lambda *g: np.sqrt(
                frechet_distance(*g)
            ),
        },
    ),
    Exercise(
        importance_weighted_bound,
        _weights,
        {
            "exp(-1000) is 0, and log(0) is infinite: first subtract the maximum of each column": (
                lambda w: np.log(np.mean(np.exp(w), axis=0))
            ),
            "the mean of the logarithms is the ELBO: take the logarithm of the mean": lambda w: (
                np.mean(w, axis=0)
            ),
            "log k is missing: divide the sum of the weights by k": lambda w: logsumexp(w, axis=0),
            "divided by k outside the logarithm: subtract log k there": lambda w: (
                logsumexp(w, axis=0) / len(w)
            ),
            "the mean is over the batch: the samples are the first axis": lambda w: (
                logsumexp(w, axis=1) - np.log(w.shape[1])
            ),
            "this is one number for the whole batch: average over the samples only, axis=0": (
                lambda w: logsumexp(w) - np.log(len(w))
            ),
            "the maximum is subtracted before exp: add it back after the log": lambda w: (
                logsumexp(w - w.max(axis=0), axis=0) - np.log(len(w))
            ),
            "there is one maximum for the whole batch: each column needs its own": lambda w: (
                np.log(np.mean(np.exp(w - w.max()), axis=0)) + w.max()
            ),
            "this is the mean weight: return its logarithm": lambda w: np.mean(np.exp(w), axis=0),
        },
    ),
    Exercise(
        bits_per_pixel,
        _likelihoods,
        {
            "these are nats per pixel: divide them by log 2": lambda n, d: n / d,
            "multiplied by log 2: divide, because a bit is less than a nat": (
                lambda n, d: n * np.log(2) / d
            ),
            "these are bits per image: divide by the number of pixels": lambda n, d: n / np.log(2),
            "nats are already a logarithm: divide by log 2 instead of taking log2": (
                lambda n, d: np.log2(n) / d
            ),
            "nats per pixel are already a logarithm: divide by log 2 instead of taking log2": (
                lambda n, d: np.log2(n / d)
            ),
            "divided by 2: divide by log 2, because a bit is 0.693 nats": lambda n, d: n / d / 2,
            "divided by the decimal logarithm of 2: use the natural one": lambda n, d: (
                n / d / np.log10(2)
            ),
            "this is the mean over the batch: return one number per image": lambda n, d: (
                np.mean(n) / d / np.log(2)
            ),
        },
    ),
    Exercise(
        class_coverage,
        _counts,
        {
            "the factor 1/2 is missing: one too many in a class is one too few in another": (
                lambda c: 1 - np.sum(_gaps(c))
            ),
            "this is the total variation distance: the coverage is 1 minus it": lambda c: (
                np.sum(_gaps(c)) / 2
            ),
            "the counts are not yet fractions: divide them by their sum": lambda c: (
                1 - np.sum(np.abs(c - 1 / len(c))) / 2
            ),
            "this is the fraction of classes that occur: how often they occur matters, too": (
                lambda c: np.mean(c > 0)
            ),
            "only the largest difference counts: add up all of them": lambda c: (
                1 - np.max(_gaps(c))
            ),
            "this is the mean of the differences: take half their sum": lambda c: (
                1 - np.mean(_gaps(c)) / 2
            ),
            "the differences are squared: take their absolute values": lambda c: (
                1 - np.sum(_gaps(c) ** 2) / 2
            ),
            "classes that do not occur are left out: they should also have an equal fraction": (
                lambda c: 1 - np.sum(_gaps(c[c > 0])) / 2
            ),
            "the equal fraction is not always 1 / 10: it is 1 / len(counts)": lambda c: (
                1 - np.sum(np.abs(c / c.sum() - 0.1)) / 2
            ),
        },
    ),
)
