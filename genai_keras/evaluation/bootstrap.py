"""Intervals by the bootstrap: how far an estimate would move with another sample of the same size.

All are the basic interval, also called the reverse percentile interval: the percentiles of the
replicates, mirrored at the estimate. A distance between finite samples is too large, and its
replicates are too large by about as much again. Mirrored, they lie about the distance without this
bias; as they are, they would have it twice.

Reference: Davison and Hinkley 1997, "Bootstrap Methods and their Application", equation 5.6
"""

from dataclasses import dataclass

import numpy as np
import threadpoolctl
from scipy import stats

from genai_keras.evaluation import distances

AT_ONCE = 20  # resamples whose indices are in memory


@dataclass(frozen=True)
class Figure:
    """An estimate and its 95 % bootstrap interval, from `low` to `high`, all in one unit."""

    value: float
    low: float
    high: float


def bootstrap(statistic, *samples, resamples=200, seed=0, least=-np.inf, most=np.inf):
    """A statistic of one or several samples, each of them drawn again with replacement.

    Args:
        statistic: a function of the samples that returns a number.
        *samples: arrays `(n_i, ...)` of independent points.
        resamples: how often to draw.
        seed: the same seed gives the same interval.
        least, most: what the statistic can be; no interval goes beyond.

    Returns:
        A `Figure`.
    """
    _check(resamples)
    value = float(statistic(*samples))
    if min(map(len, samples)) < 2:  # one point is drawn again and again
        return Figure(value, value, value)

    def of_indices(*indices):
        drawn = (sample[index] for sample, index in zip(samples, indices, strict=True))
        return float(statistic(*drawn))

    found = stats.bootstrap(
        [np.arange(len(sample)) for sample in samples],  # scipy draws numbers, not rows
        of_indices,
        n_resamples=resamples,
        batch=AT_ONCE,
        vectorized=False,
        method="basic",
        rng=seed,
    )
    return _figure(value, found.confidence_interval, least, most)


def bootstrap_mean(values, resamples=1000, seed=0):
    """The mean of `(n,)` numbers, or the fraction of `(n,)` booleans that hold, as a `Figure`."""
    values = np.asarray(values)
    limits = {"least": 0.0, "most": 1.0} if values.dtype == bool else {}
    values = values.astype("float64")
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values must be (n,) finite numbers, at least one, not {values.shape}")
    return bootstrap(np.mean, values, resamples=resamples, seed=seed, **limits)


def bootstrap_frechet(ours, reference, resamples=200, seed=0):
    """`frechet_distance` of samples `(n, d)` and `(m, d)`, both resampled, as a `Figure`."""
    samples = distances.check_samples(ours, reference)
    # Matrices as small as these are not worth a second thread, whose waiting for work costs a busy
    # machine many times the work itself.
    with threadpoolctl.threadpool_limits(1, "blas"):
        return bootstrap(
            distances.frechet_distance, *samples, resamples=resamples, seed=seed, least=0.0
        )


def bootstrap_kernel(ours, reference, resamples=200, seed=0):
    """`kernel_distance` of samples `(n, d)` and `(m, d)`, both resampled, as a `Figure`."""
    _check(resamples)
    samples = distances.check_samples(ours, reference)
    # Not by scipy: all resamples at once, as weights, go through the pairs, which are what takes
    # time, but once.
    generator = np.random.default_rng(seed)
    weights = [_weights(len(sample), resamples, generator) for sample in samples]
    value, *replicates = distances.weighted_kernel_distances(*samples, *weights)
    return _figure(float(value), 2 * value - np.quantile(replicates, (0.975, 0.025)))


def _weights(count, resamples, generator):
    """How often each point is in the sample, then in each resample: `(1 + resamples, count)`."""
    weights = [np.ones(count)]
    while len(weights) <= resamples:
        drawn = np.bincount(generator.integers(count, size=count), minlength=count)
        if np.count_nonzero(drawn) > 1:  # else there is no pair
            weights.append(drawn)
    return np.array(weights, "float64")


def _check(resamples):
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")


def _figure(value, interval, least=-np.inf, most=np.inf):
    """A `Figure` of an estimate and its basic interval."""
    low, high = interval
    # Without the estimate's bias the interval may be all on one side of it: then it is widened to
    # hold the estimate, and errs on the safe side. And mirrored, it may go beyond what can be.
    return Figure(value, float(max(min(low, value), least)), float(min(max(high, value), most)))
