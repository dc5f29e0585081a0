"""Bootstrap intervals against theory, samples repeated in full, and the truth that they hold."""

import numpy as np
import pytest

from genai_keras.evaluation import bootstrap, distances

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers():
    """Each test draws the same, whichever ran before it."""
    RNG.bit_generator.state = START


def replicates_of(monkeypatch, function, *arguments, **options):
    """The estimate and the replicates that an interval was made of."""
    seen = []
    whole = bootstrap._figure
    with monkeypatch.context() as patch:
        patch.setattr(
            bootstrap,
            "_figure",
            lambda values, *limits, **named: seen.append(values) or whole(values),
        )
        function(*arguments, **options)
    return np.array(seen[0])


def repeated(sample, weights):
    return np.repeat(sample, weights.astype(int), axis=0)


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


def test_what_does_not_vary_has_an_interval_of_one_point():
    assert bootstrap.bootstrap_mean(np.ones(30, bool)) == bootstrap.Figure(1.0, 1.0, 1.0)


# Any statistic


def test_each_resample_has_as_many_points_drawn_uniformly_from_each_sample():
    seen = []
    bootstrap.bootstrap(lambda *weights: float(bool(seen.append(weights))), [4, 7], 3000)
    assert len(seen) == 3001
    for sample, count in enumerate([4, 7]):
        first, *weights = [each[sample] for each in seen]
        np.testing.assert_array_equal(first, np.ones(count))
        weights = np.array(weights)
        assert weights.dtype.kind == "i"
        assert (weights.sum(1) == count).all()
        # Multinomial: mean 1, variance 1 - 1 / n, covariance -1 / n.
        expected = np.eye(count) - 1 / count
        np.testing.assert_allclose(weights.mean(0), 1, atol=0.08)
        np.testing.assert_allclose(np.cov(weights, rowvar=False), expected, atol=0.12)
    # Samples are drawn apart from each other.
    between = np.corrcoef([each[0][0] for each in seen], [each[1][0] for each in seen])[0, 1]
    assert abs(between) < 4 / np.sqrt(3000)


def test_the_interval_is_the_replicates_percentiles_about_the_estimate():
    values = iter([10.0, *range(101)])  # the estimate, then replicates of mean 50
    figure = bootstrap.bootstrap(lambda weights: float(next(values)), [5], resamples=101)
    assert figure == bootstrap.Figure(10.0, pytest.approx(-37.5), pytest.approx(57.5))


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


def test_frechet_replicates_are_those_of_repeated_samples(monkeypatch):
    ours, reference = RNG.normal(size=(25, 3)), RNG.normal(0.5, 2, size=(40, 3))
    found = replicates_of(monkeypatch, bootstrap.bootstrap_frechet, ours, reference, 15, seed=4)
    assert found[0] == pytest.approx(distances.frechet_distance(ours, reference), rel=1e-12)
    expected = [
        distances.frechet_distance(repeated(ours, first), repeated(reference, second))
        for first, second in bootstrap._weights([25, 40], 15, seed=4)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_frechet_interval_is_about_its_estimate_and_shrinks_with_the_root_of_the_size():
    widths = []
    for n in (250, 4000):
        ours, reference = RNG.normal(size=(n, 4)), RNG.normal(0.5, 1.3, size=(n, 4))
        figure = bootstrap.bootstrap_frechet(ours, reference)
        assert figure.value == distances.frechet_distance(ours, reference)
        assert figure.low < figure.value < figure.high
        widths.append(figure.high - figure.low)
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(16), rel=0.35)


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


def test_frechet_interval_is_about_its_estimate_where_the_bias_of_resampling_is_large(monkeypatch):
    ours, reference = RNG.normal(size=(2, 100, 20))
    values = replicates_of(monkeypatch, bootstrap.bootstrap_frechet, ours, reference)
    assert values[1:].min() > values[0]  # without the shift the interval would miss it
    figure = bootstrap.bootstrap_frechet(ours, reference)
    assert figure.low < figure.value < figure.high


def test_no_interval_goes_beyond_what_there_can_be():
    ours = RNG.normal(size=(60, 2))
    near = ours + 0.05 * RNG.normal(size=(60, 2))
    assert bootstrap.bootstrap_frechet(ours, near).low == 0.0
    values = np.array([1.0] * 99 + [0.9])
    figure = bootstrap.bootstrap(lambda w: w @ values / 100, [100], least=0.9989, most=0.9991)
    assert (figure.low, figure.high) == (0.9989, 0.9991)


# The kernel distance


def test_kernel_replicates_are_those_of_repeated_samples_without_self_pairs(monkeypatch):
    ours, reference = RNG.normal(size=(12, 3)), RNG.normal(0.5, 2, size=(17, 3))
    monkeypatch.setattr(distances, "CHUNK", 50)  # several chunks
    found = replicates_of(monkeypatch, bootstrap.bootstrap_kernel, ours, reference, 10, seed=5)

    def within(sample, weights):
        which = np.repeat(np.arange(len(sample)), weights)
        pairs = [(i, j) for i in which for j in which if i != j]
        return np.mean([(sample[i] @ sample[j] / 3 + 1) ** 3 for i, j in pairs])

    expected = [
        within(ours, first)
        + within(reference, second)
        - 2 * np.mean((repeated(ours, first) @ repeated(reference, second).T / 3 + 1) ** 3)
        for first, second in bootstrap._weights([12, 17], 10, seed=5, distinct=2)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert found[0] == pytest.approx(distances.kernel_distance(ours, reference), rel=1e-12)


def test_kernel_replicates_are_unbiased(monkeypatch):
    ours, reference = RNG.normal(size=(2, 30, 3))
    values = replicates_of(monkeypatch, bootstrap.bootstrap_kernel, ours, reference, 4000)
    error = values[1:].std() / np.sqrt(4000)
    # A ratio's mean is off by O(1 / n): allow a twentieth of the replicates' deviation.
    assert abs(values[1:].mean() - values[0]) < 3 * error + 0.05 * values[1:].std()


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
    with pytest.raises(ValueError, match="ours has 2 features a sample, but reference has 1"):
        function(good, good[:, :1])
    with pytest.raises(ValueError, match="resamples must be at least 1, not 0"):
        function(good, good, resamples=0)


@pytest.mark.parametrize("bad", [[], [[1.0, 2.0]], [1.0, np.nan]])
def test_bad_values_are_refused(bad):
    with pytest.raises(ValueError, match=r"values must be \(n,\) finite numbers, at least one"):
        bootstrap.bootstrap_mean(bad)
