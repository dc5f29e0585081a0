"""Bootstrap intervals: how much an estimate would vary with another sample of the same size.

All are basic intervals, also called reverse percentile intervals: the percentiles of the
replicates, mirrored at the estimate. A distance between finite samples is too large, and its
replicates are too large by about the same amount again. Mirrored, they are centred on the distance
without this bias; otherwise they would have it twice.

Reference: Davison and Hinkley 1997, "Bootstrap Methods and their Application", equation 5.6
"""

from dataclasses import dataclass

import numpy as np
import threadpoolctl

from genai_keras.evaluation import distances

AT_ONCE = 20  # number of resamples with indices in memory


@dataclass(frozen=True)
class Figure:
    """An estimate and its 95 % bootstrap interval, `low` to `high`, in the same unit.

    Without an interval, both are None.
    """

    value: float
    low: float | None
    high: float | None


def bootstrap(statistic, *samples, resamples=200, seed=0, least=-np.inf, most=np.inf):
    """A statistic of one or several samples, with an interval from resampling with replacement.

    Args:
        statistic: a function of the samples that returns a number.
        *samples: arrays `(n_i, ...)` of independent points.
        resamples: number of resamples.
        seed: the same seed gives the same interval.
        least, most: bounds of the statistic; the interval stays within them.

    Returns:
        A `Figure`.
    """
    _check(resamples)
    value = float(statistic(*samples))
    if min(map(len, samples)) < 2:  # resampling one point does not change it
        return Figure(value, value, value)

    def of_indices(*indices):
        drawn = (sample[index] for sample, index in zip(samples, indices, strict=True))
        return float(statistic(*drawn))

    from scipy import stats  # here, because the import takes a second

    found = stats.bootstrap(
        [np.arange(len(sample)) for sample in samples],  # scipy resamples numbers, not rows
        of_indices,
        n_resamples=resamples,
        batch=AT_ONCE,
        vectorized=False,
        method="basic",
        rng=seed,
    )
    return _figure(value, found.confidence_interval, least, most)


def bootstrap_mean(values, resamples=1000, seed=0):
    """The mean of `(n,)` numbers, or the fraction of `(n,)` booleans that are true: a `Figure`."""
    values = np.asarray(values)
    limits = {"least": 0.0, "most": 1.0} if values.dtype == bool else {}
    values = values.astype("float64")
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values must be (n,) finite numbers, at least one, not {values.shape}")
    return bootstrap(np.mean, values, resamples=resamples, seed=seed, **limits)


def bootstrap_frechet(ours, reference, resamples=200, seed=0):
    """`frechet_distance` of samples `(n, d)` and `(m, d)`, both resampled, as a `Figure`."""
    samples = distances.check_samples(ours, reference)
    # These matrices are too small for a second thread: on a busy machine, its waiting costs many
    # times more than the work.
    with threadpoolctl.threadpool_limits(1, "blas"):
        return bootstrap(
            distances.frechet_distance, *samples, resamples=resamples, seed=seed, least=0.0
        )


def bootstrap_kernel(ours, reference, resamples=200, seed=0):
    """`kernel_distance` of samples `(n, d)` and `(m, d)`, both resampled, as a `Figure`."""
    _check(resamples)
    samples = distances.check_samples(ours, reference)
    # Not with scipy: most of the time is spent on pairs, so all resamples, as weights, share one
    # pass over them.
    generator = np.random.default_rng(seed)
    weights = [_weights(len(sample), resamples, generator) for sample in samples]
    value, *replicates = distances.weighted_kernel_distances(*samples, *weights)
    return _figure(float(value), 2 * value - np.quantile(replicates, (0.975, 0.025)))


def _weights(count, resamples, generator):
    """How often each point is in the sample, then in each resample: `(1 + resamples, count)`."""
    weights = [np.ones(count)]
    while len(weights) <= resamples:
        drawn = np.bincount(generator.integers(count, size=count), minlength=count)
        if np.count_nonzero(drawn) > 1:  # otherwise there is no pair
            weights.append(drawn)
    return np.array(weights, "float64")


def _check(resamples):
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")


def _figure(value, interval, least=-np.inf, most=np.inf):
    """A `Figure` of an estimate and its basic interval."""
    low, high = interval
    # Without the bias of the estimate, the interval may lie on one side of it. Then it is widened
    # to contain the estimate, which is the safe side. A mirrored interval may also exceed bounds.
    return Figure(value, float(max(min(low, value), least)), float(min(max(high, value), most)))
