"""Bootstrap intervals against scipy's, theory, repeated samples, and the truth that they hold."""

from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from genai_keras.evaluation import bootstrap, distances

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers():
    """Each test draws the same, whichever ran before it."""
    RNG.bit_generator.state = START


def calls_of(monkeypatch, name, function, *arguments, **options):
    """What `distances.name` was given and returned, each time that `function` called it."""
    calls = []
    whole = getattr(distances, name)

    def spy(*given):
        calls.append((given, whole(*given)))
        return calls[-1][1]

    with monkeypatch.context() as patch:
        patch.setattr(distances, name, spy)
        function(*arguments, **options)
    return calls


def basic_interval(value, replicates):
    """The interval that scipy makes of an estimate and its replicates."""
    found = stats.bootstrap(
        (np.arange(2.0),),
        lambda sample, axis: value,
        vectorized=True,
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=np.array(replicates)),
        method="basic",
    )
    return tuple(found.confidence_interval)


# The mean


def test_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = RNG.normal(3, 2, 400)
    figure = bootstrap.bootstrap_mean(values, resamples=4000)
    error = values.std() / np.sqrt(len(values))
    assert figure.value == pytest.approx(values.mean(), rel=1e-12)
    assert figure.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert figure.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda: RNG.normal(5, 3, 60), 5),
        (lambda: RNG.exponential(2, 100), 2),
        (lambda: RNG.random(100) < 0.3, 0.3),  # as of precision: a share
    ],
)
def test_interval_of_a_mean_holds_the_truth_in_about_95_of_100_cases(draw, truth):
    figures = [bootstrap.bootstrap_mean(draw(), 200, seed) for seed in range(400)]
    assert 0.90 < np.mean([each.low <= truth <= each.high for each in figures]) < 0.99


@pytest.mark.parametrize("seed", [0, 1])
def test_interval_of_a_mean_is_scipys(seed):
    values = RNG.exponential(2, 70)
    figure = bootstrap.bootstrap_mean(values, resamples=500, seed=seed)
    found = stats.bootstrap((values,), np.mean, n_resamples=500, method="basic", rng=seed)
    assert (figure.low, figure.high) == pytest.approx(tuple(found.confidence_interval), rel=1e-12)


def test_what_does_not_vary_has_an_interval_of_one_point():
    assert bootstrap.bootstrap_mean(np.ones(30, bool)) == bootstrap.Figure(1.0, 1.0, 1.0)
    assert bootstrap.bootstrap_mean([0.7]) == bootstrap.Figure(0.7, 0.7, 0.7)
    assert bootstrap.bootstrap_mean([True]) == bootstrap.Figure(1.0, 1.0, 1.0)


def test_a_fraction_is_between_0_and_1_and_a_mean_may_be_anything():
    hits = np.arange(50) > 0  # all but one: mirrored, the interval would reach beyond 1
    figure = bootstrap.bootstrap_mean(hits)
    assert figure.value == 0.98 and figure.low < 0.98 and figure.high == 1.0
    assert bootstrap.bootstrap_mean(~hits).low == 0.0
    assert bootstrap.bootstrap_mean(hits.astype(float)).high > 1.0


# Any statistic


def test_each_resample_has_as_many_points_drawn_uniformly_from_each_sample():
    seen = []
    samples = np.arange(4), np.arange(7)
    bootstrap.bootstrap(lambda *drawn: bool(seen.append(drawn)), *samples, resamples=3000)
    assert len(seen) == 3002  # twice the samples themselves
    for sample, count in enumerate([4, 7]):
        weights = np.array([np.bincount(each[sample], minlength=count) for each in seen])
        of_samples = (weights == 1).all(1)
        assert of_samples[0] and of_samples[-1]
        weights = weights[1:-1]
        assert (weights.sum(1) == count).all()
        # Multinomial: mean 1, variance 1 - 1 / n, covariance -1 / n.
        expected = np.eye(count) - 1 / count
        np.testing.assert_allclose(weights.mean(0), 1, atol=0.08)
        np.testing.assert_allclose(np.cov(weights, rowvar=False), expected, atol=0.12)
    # Samples are drawn apart from each other.
    zeros = np.array([[np.sum(each == 0) for each in drawn] for drawn in seen[1:-1]])
    assert abs(np.corrcoef(zeros, rowvar=False)[0, 1]) < 4 / np.sqrt(3000)


def test_rows_are_drawn_whole():
    rows = np.arange(10)[:, None] * [1, 10, 100]
    found = []
    bootstrap.bootstrap(lambda drawn: found.append(drawn) or 0.0, rows, resamples=5)
    for drawn in found:
        assert drawn.shape == (10, 3) and (drawn == drawn[:, :1] * [1, 10, 100]).all()


def test_the_interval_is_the_replicates_percentiles_mirrored_at_the_estimate():
    values = chain([40.0], range(101), [40.0])  # the estimate, its replicates, the estimate
    figure = bootstrap.bootstrap(lambda _: next(values), np.arange(5), resamples=101)
    assert figure == bootstrap.Figure(40.0, pytest.approx(-17.5), pytest.approx(77.5))
    assert basic_interval(40.0, np.arange(101.0)) == pytest.approx((-17.5, 77.5))


@pytest.mark.parametrize(
    ("value", "interval"),
    [(60.0, (22.5, 117.5)), (10.0, (-77.5, 17.5)), (0.0, (-97.5, 0.0)), (110.0, (110.0, 217.5))],
)
def test_it_is_widened_to_hold_an_estimate_that_all_replicates_lie_beside(value, interval):
    figure = bootstrap._figure(value, basic_interval(value, np.arange(101.0)))
    assert (figure.low, figure.high) == pytest.approx(interval) and figure.value == value


def test_the_seed_decides():
    ours, reference = RNG.normal(size=(2, 30, 3))
    for function in (bootstrap.bootstrap_frechet, bootstrap.bootstrap_kernel):
        figure = function(ours, reference, 20, seed=1)
        assert figure == function(ours, reference, 20, seed=1)
        other = function(ours, reference, 20, seed=2)
        assert (figure.value, other.high != figure.high) == (other.value, True)
    values = ours[:, 0]
    assert bootstrap.bootstrap_mean(values, seed=1) == bootstrap.bootstrap_mean(values, seed=1)
    assert bootstrap.bootstrap_mean(values, seed=1) != bootstrap.bootstrap_mean(values, seed=2)


# The Frechet distance


def test_frechet_replicates_are_those_of_resamples_of_both(monkeypatch):
    ours, reference = RNG.normal(size=(25, 3)), RNG.normal(0.5, 2, size=(40, 3))
    estimate, *calls, again = calls_of(
        monkeypatch, "frechet_distance", bootstrap.bootstrap_frechet, ours, reference, 15, seed=4
    )
    assert estimate[1] == again[1] == distances.frechet_distance(ours, reference)
    assert len(calls) == 15
    for drawn, _ in calls:
        for resample, sample in zip(drawn, (ours, reference), strict=True):
            assert resample.shape == sample.shape
            assert {*map(tuple, resample)} < {*map(tuple, sample)}
    figure = bootstrap.bootstrap_frechet(ours, reference, 15, seed=4)
    expected = basic_interval(figure.value, [found for _, found in calls])
    assert (figure.low, figure.high) == pytest.approx(expected)


def test_frechet_interval_is_about_its_estimate_and_shrinks_with_the_root_of_the_size():
    widths = {250: [], 4000: []}
    for n in 5 * list(widths):
        ours, reference = RNG.normal(size=(n, 4)), RNG.normal(0.5, 1.3, size=(n, 4))
        figure = bootstrap.bootstrap_frechet(ours, reference)
        assert figure.value == distances.frechet_distance(ours, reference)
        assert figure.low < figure.value < figure.high
        widths[n].append(figure.high - figure.low)
    assert np.mean(widths[250]) / np.mean(widths[4000]) == pytest.approx(np.sqrt(16), rel=0.25)


@pytest.mark.slow
def test_frechet_interval_holds_the_truth_in_about_95_of_100_cases():
    # Two features, and a distance that dwarfs the estimate's own bias.
    mean, spread = np.array([1.0, -0.5]), np.array([1.5, 0.7])
    truth = mean @ mean + np.sum((spread - 1) ** 2)
    figures = [
        bootstrap.bootstrap_frechet(
            mean + spread * RNG.normal(size=(150, 2)), RNG.normal(size=(150, 2)), 100, seed
        )
        for seed in range(120)
    ]
    assert 0.90 <= np.mean([each.low <= truth <= each.high for each in figures]) <= 0.99


def test_the_bias_of_a_frechet_distance_is_taken_out(monkeypatch):
    """Both samples are of one distribution: the distance is 0, and each estimate far above it."""
    ours, reference = RNG.normal(size=(2, 100, 20))
    estimate, *calls, _ = calls_of(
        monkeypatch, "frechet_distance", bootstrap.bootstrap_frechet, ours, reference
    )
    replicates = [found for _, found in calls]
    assert min(replicates) > estimate[1] > 1.0  # the percentile interval would miss even it
    low, high = basic_interval(estimate[1], replicates)
    assert low < 0.0 < high < estimate[1]
    figure = bootstrap.bootstrap_frechet(ours, reference)
    assert (figure.low, figure.high) == (0.0, estimate[1])


@pytest.mark.slow
def test_frechet_interval_holds_the_truth_where_the_bias_is_as_large_as_the_spread():
    """In about 95 of 100 cases, where the percentile interval hardly ever does."""
    mean, n = np.full(8, 0.2), 200
    truth, held, held_by_percentiles = mean @ mean, [], []
    for seed in range(100):
        samples = mean + RNG.normal(size=(n, 8)), RNG.normal(size=(n, 8))
        figure = bootstrap.bootstrap_frechet(*samples, 100, seed)
        held.append(figure.low <= truth <= figure.high)
        mirrored = 2 * figure.value - figure.low
        held_by_percentiles.append(2 * figure.value - figure.high <= truth <= mirrored)
    assert np.mean(held) >= 0.90
    assert np.mean(held_by_percentiles) < 0.5


def test_no_interval_goes_beyond_what_there_can_be():
    ours = RNG.normal(size=(60, 2))
    near = ours + 0.05 * RNG.normal(size=(60, 2))
    assert bootstrap.bootstrap_frechet(ours, near).low == 0.0
    values = np.array([1.0] * 99 + [0.9])
    figure = bootstrap.bootstrap(np.mean, values, least=0.9989, most=0.9991)
    assert (figure.low, figure.high) == (0.9989, 0.9991)


# The kernel distance


def test_kernel_replicates_are_those_of_repeated_samples_without_self_pairs(monkeypatch):
    ours, reference = RNG.normal(size=(12, 3)), RNG.normal(0.5, 2, size=(17, 3))
    monkeypatch.setattr(distances, "CHUNK", 50)  # several chunks
    ((given, found),) = calls_of(
        monkeypatch,
        "weighted_kernel_distances",
        bootstrap.bootstrap_kernel,
        ours,
        reference,
        10,
        seed=5,
    )
    weights = [each.astype(int) for each in given[2:]]
    for each in weights:
        assert (each[0] == 1).all() and (each.sum(1) == each.shape[1]).all()

    def within(sample, weights):
        which = np.repeat(np.arange(len(sample)), weights)
        pairs = [(i, j) for i in which for j in which if i != j]
        return np.mean([(sample[i] @ sample[j] / 3 + 1) ** 3 for i, j in pairs])

    expected = [
        within(ours, first)
        + within(reference, second)
        - 2 * np.mean((np.repeat(ours, first, 0) @ np.repeat(reference, second, 0).T / 3 + 1) ** 3)
        for first, second in zip(*weights, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert found[0] == pytest.approx(distances.kernel_distance(ours, reference), rel=1e-12)


def test_kernel_replicates_are_unbiased(monkeypatch):
    ours, reference = RNG.normal(size=(2, 30, 3))
    ((_, values),) = calls_of(
        monkeypatch,
        "weighted_kernel_distances",
        bootstrap.bootstrap_kernel,
        ours,
        reference,
        4000,
    )
    error = values[1:].std() / np.sqrt(4000)
    # A ratio's mean is off by O(1 / n): allow a twentieth of the replicates' deviation.
    assert abs(values[1:].mean() - values[0]) < 3 * error + 0.05 * values[1:].std()
    figure = bootstrap.bootstrap_kernel(ours, reference, 4000)
    expected = basic_interval(values[0], values[1:])
    assert (figure.low, figure.high) == pytest.approx(expected)


def test_kernel_interval_is_scipys():
    """But for chance: scipy draws one resample at a time."""
    ours, reference = RNG.normal(size=(40, 3)), RNG.normal(0.3, 1, size=(60, 3))
    figure = bootstrap.bootstrap_kernel(ours, reference, 4000)

    def statistic(*indices):
        weights = (
            np.bincount(drawn.astype(int), minlength=len(sample))[None].astype(float)
            for drawn, sample in zip(indices, (ours, reference), strict=True)
        )
        return distances.weighted_kernel_distances(ours, reference, *weights)[0]

    found = stats.bootstrap(
        (np.arange(40), np.arange(60)), statistic, vectorized=False, n_resamples=4000,
        method="basic", rng=1,
    ).confidence_interval  # fmt: skip
    width = found.high - found.low
    assert (figure.low, figure.high) == pytest.approx(tuple(found), abs=0.05 * width)


def test_kernel_interval_of_two_points_each_does_not_divide_by_zero():
    figure = bootstrap.bootstrap_kernel(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]), 50)
    # k: 1 within ours, 27 within the reference, and 1, 1, 8, 27 between.
    assert figure.value == pytest.approx(1 + 27 - 2 * 37 / 4)
    assert np.isfinite([figure.low, figure.high]).all()


# Bad input


@pytest.mark.parametrize("function", [bootstrap.bootstrap_frechet, bootstrap.bootstrap_kernel])
def test_bad_samples_are_refused(function):
    good = RNG.normal(size=(5, 2))
    for bad, message in (
        (good[0], r"must be \(n, d\), not \(2,\)"),
        (good[:1], "must have at least 2 samples, not 1"),
        (good * np.inf, "has values that are not finite"),
    ):
        with pytest.raises(ValueError, match="ours " + message):
            function(bad, good)
        with pytest.raises(ValueError, match="reference " + message):
            function(good, bad)
    with pytest.raises(ValueError, match="ours has 2 features per sample, but reference has 1"):
        function(good, good[:, :1])
    with pytest.raises(ValueError, match="resamples must be at least 1, not 0"):
        function(good, good, resamples=0)


@pytest.mark.parametrize("bad", [[], [[1.0, 2.0]], [1.0, np.nan]])
def test_bad_values_are_refused(bad):
    with pytest.raises(ValueError, match=r"values must be \(n,\) finite numbers, at least one"):
        bootstrap.bootstrap_mean(bad)
