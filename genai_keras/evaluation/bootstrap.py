"""Intervals by the bootstrap: how far an estimate would move with another sample of the same size.

Reference: Efron and Tibshirani 1993, "An Introduction to the Bootstrap"
"""

from dataclasses import dataclass

import numpy as np
import threadpoolctl

from genai_keras.evaluation import distances


@dataclass(frozen=True)
class Figure:
    """An estimate and its 95 % bootstrap interval, from `low` to `high`, all in one unit."""

    value: float
    low: float
    high: float


def bootstrap(statistic, counts, resamples=200, seed=0, least=-np.inf, most=np.inf):
    """A statistic of one or several samples, each of them drawn again with replacement.

    The interval is about the estimate as it is: a bias that the statistic has is not taken out. Of
    a distance between two samples that are all but alike it is too wide, rather than too narrow.

    Args:
        statistic: a function of an integer array `(n_i,)` for each sample, how often each of its
            points comes, that returns a float. All ones for the estimate itself.
        counts: the sizes n_i.
        resamples: how often to draw.
        seed: the same seed gives the same interval.
        least, most: what the statistic can be; no interval goes beyond.

    Returns:
        A `Figure`.
    """
    return _figure([statistic(*each) for each in _weights(counts, resamples, seed)], least, most)


def bootstrap_mean(values, resamples=1000, seed=0):
    """The mean of `(n,)` numbers or booleans, as a `Figure`."""
    values = np.asarray(values, "float64")
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values must be (n,) finite numbers, at least one, not {values.shape}")
    return bootstrap(lambda weights: weights @ values / len(values), [len(values)], resamples, seed)


def bootstrap_frechet(ours, reference, resamples=200, seed=0):
    """`frechet_distance` of samples `(n, d)` and `(m, d)`, both resampled, as a `Figure`."""
    ours, reference = distances.check_samples(ours, reference)
    # Matrices as small as these are not worth a second thread, whose waiting for work costs a busy
    # machine many times the work itself.
    with threadpoolctl.threadpool_limits(1, "blas"):
        return bootstrap(
            lambda *weights: distances.weighted_frechet_distance(ours, reference, *weights),
            [len(ours), len(reference)],
            resamples,
            seed,
            least=0.0,
        )


def bootstrap_kernel(ours, reference, resamples=200, seed=0):
    """`kernel_distance` of samples `(n, d)` and `(m, d)`, both resampled, as a `Figure`."""
    ours, reference = distances.check_samples(ours, reference)
    # All weights at once, so that the pairs, which are what takes time, are gone through once.
    weights = _weights([len(ours), len(reference)], resamples, seed, distinct=2)
    weights = [np.array(each, "float64") for each in zip(*weights, strict=True)]
    return _figure(distances.weighted_kernel_distances(ours, reference, *weights))


def _weights(counts, resamples, seed, distinct=1):
    """Yields a list of `(n_i,)` integers: first ones, then what each resample drew."""
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    generator = np.random.default_rng(seed)
    yield [np.ones(count, int) for count in counts]
    for _ in range(resamples):
        yield [_resample(generator, count, distinct) for count in counts]


def _resample(generator, count, distinct):
    """How often each of the points comes: `(count,)` integers, at least `distinct` not 0."""
    while True:  # a second time only if there is but a handful of points
        weights = np.bincount(generator.integers(count, size=count), minlength=count)
        if np.count_nonzero(weights) >= distinct:
            return weights


def _figure(statistics, least=-np.inf, most=np.inf):
    """A `Figure` of `(1 + resamples,)`: the estimate, then its replicates."""
    value, replicates = float(statistics[0]), np.asarray(statistics[1:])
    # A resample has fewer different points than the sample, which adds a bias of its own: notably
    # the Frechet distance grows by as much again as it is too large. Hence the shift.
    low, high = np.percentile(replicates, [2.5, 97.5]) + value - replicates.mean()
    # The shift may lead beyond what there can be, and a whole number's replicates may all lie on
    # one side of it.
    low, high = max(min(low, value), least), min(max(high, value), most)
    return Figure(value, float(low), float(high))
