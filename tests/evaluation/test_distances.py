"""Distances between samples against closed forms, loops, SciPy, prdc, and laws that they obey."""

import numpy as np
import prdc
import pytest
from scipy import linalg, stats

from genai_keras.evaluation import distances

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers():
    """Each test draws the same, whichever ran before it."""
    RNG.bit_generator.state = START


def random_covariance(d, rank=None):
    factor = RNG.normal(size=(d, rank or 2 * d))
    return factor @ factor.T / d


def with_moments(mean, covariance, n=50):
    """A sample of exactly these moments, so that a closed form holds to rounding."""
    d = len(mean)
    white = RNG.normal(size=(n, d))
    white -= white.mean(0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(white, rowvar=False).reshape(d, d)), white.T)
    return mean + white.T @ np.linalg.cholesky(covariance).T


# The Frechet distance


def test_frechet_of_one_feature_is_the_closed_form():
    ours = with_moments([1.5], np.array([[4.0]]))
    reference = with_moments([-0.5], np.array([[0.25]]), n=80)
    expected = (1.5 + 0.5) ** 2 + (2 - 0.5) ** 2
    assert distances.frechet_distance(ours, reference) == pytest.approx(expected, rel=1e-12)
    assert distances.gaussian_frechet_distance(1.5, 4.0, -0.5, 0.25) == pytest.approx(expected)


def test_frechet_of_commuting_covariances_is_the_closed_form():
    d = 6
    axes = stats.ortho_group.rvs(d, random_state=1)
    ours_spread, spread = RNG.uniform(0.1, 5, (2, d))
    shift = RNG.normal(size=d)
    ours = with_moments(shift, axes * ours_spread @ axes.T)
    reference = with_moments(np.zeros(d), axes * spread @ axes.T)
    expected = shift @ shift + np.sum((np.sqrt(ours_spread) - np.sqrt(spread)) ** 2)
    assert distances.frechet_distance(ours, reference) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("d", [2, 5, 20])
def test_frechet_of_full_covariances_is_scipys_root(d):
    (mean, other), first, second = RNG.normal(size=(2, d)), *(random_covariance(d) for _ in "ab")
    root = linalg.sqrtm(first @ second).real
    expected = np.sum((mean - other) ** 2) + np.trace(first + second - 2 * root)
    found = distances.gaussian_frechet_distance(mean, first, other, second)
    assert found == pytest.approx(expected, rel=1e-9)


def test_frechet_of_singular_covariances():
    d = 30
    zero, covariance = np.zeros(d), random_covariance(d)
    # Against a point, and along one direction u: tr (C u u')^(1/2) = (u' C u)^(1/2).
    point = distances.gaussian_frechet_distance(zero, covariance, zero, np.zeros((d, d)))
    assert point == pytest.approx(np.trace(covariance), rel=1e-12)
    u = RNG.normal(size=d)
    line = distances.gaussian_frechet_distance(zero, covariance, zero, np.outer(u, u))
    expected = np.trace(covariance) + u @ u - 2 * np.sqrt(u @ covariance @ u)
    assert line == pytest.approx(expected, rel=1e-12)
    # No common direction: nothing is taken off. Rounding errors must not pass for directions.
    axes = stats.ortho_group.rvs(d, random_state=2)
    one, two = axes[:, :10] @ axes[:, :10].T, 4 * axes[:, 10:] @ axes[:, 10:].T
    apart = distances.gaussian_frechet_distance(zero, one, zero, two)
    assert apart == pytest.approx(10 + 4 * 20, rel=1e-12)


def test_frechet_with_fewer_samples_than_features_and_a_constant_feature():
    ours, reference = RNG.normal(size=(8, 40)), RNG.normal(size=(12, 40))
    ours[:, 3] = reference[:, 3] = 2.0
    # tr (C1 C2)^(1/2) is the sum of the singular values of the product of the centred samples.
    a, b = ours - ours.mean(0), reference - reference.mean(0)
    common = linalg.svdvals(a @ b.T).sum() / np.sqrt(7 * 11)
    expected = np.sum((ours.mean(0) - reference.mean(0)) ** 2)
    expected += np.sum(a**2) / 7 + np.sum(b**2) / 11 - 2 * common
    assert distances.frechet_distance(ours, reference) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("shape", [(2, 1), (100, 5), (10, 50)])
def test_frechet_of_a_sample_with_itself_is_zero_and_not_less(shape):
    sample = RNG.normal(size=shape)
    assert 0 <= distances.frechet_distance(sample, sample) < 1e-11
    assert 0 <= distances.frechet_distance(sample, sample[::-1]) < 1e-11


def test_frechet_is_symmetric_and_a_rotation_and_shift_of_both_change_nothing():
    ours = RNG.normal(size=(60, 7)) @ RNG.normal(size=(7, 7))
    reference = RNG.normal(size=(90, 7)) + 1
    distance = distances.frechet_distance(ours, reference)
    assert distance > 1
    assert distances.frechet_distance(reference, ours) == pytest.approx(distance, rel=1e-10)
    axes = stats.ortho_group.rvs(7, random_state=3)
    moved = distances.frechet_distance(ours @ axes + 5, reference @ axes + 5)
    assert moved == pytest.approx(distance, rel=1e-10)
    # It has the features' unit squared.
    assert distances.frechet_distance(3 * ours, 3 * reference) == pytest.approx(9 * distance)


# The kernel distance


def kernel(x, y):
    return (x @ y / len(x) + 1) ** 3


def kernel_distance_by_loops(ours, reference, with_self_pairs=False):
    def within(sample):
        pairs = [(i, j) for i in range(len(sample)) for j in range(len(sample))]
        pairs = [(i, j) for i, j in pairs if with_self_pairs or i != j]
        return np.mean([kernel(sample[i], sample[j]) for i, j in pairs])

    between = np.mean([kernel(x, y) for x in ours for y in reference])
    return within(ours) + within(reference) - 2 * between


@pytest.mark.parametrize("chunk", [1, 100, 2**21])
def test_kernel_distance_is_a_double_loop_whatever_the_chunks(chunk, monkeypatch):
    monkeypatch.setattr(distances, "CHUNK", chunk)
    ours, reference = RNG.normal(size=(23, 4)), RNG.normal(0.5, 2, size=(31, 4))
    expected = kernel_distance_by_loops(ours, reference)
    assert distances.kernel_distance(ours, reference) == pytest.approx(expected, rel=1e-10)
    assert distances.kernel_distance(reference, ours) == pytest.approx(expected, rel=1e-10)


def test_kernel_distance_is_unbiased():
    sample = RNG.normal(size=(20, 3))
    halves = [np.split(RNG.permutation(sample), 2) for _ in range(300)]
    found = [distances.kernel_distance(*each) for each in halves]
    biased = [kernel_distance_by_loops(*each, with_self_pairs=True) for each in halves]
    # Each pair of points is as often within a half as between the two, so the truth is 0 exactly.
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert np.mean(biased) > 20 * np.std(biased) / np.sqrt(len(biased))
    assert min(found) < 0


def test_kernel_distance_of_gaussians_is_their_moments():
    # One feature: (x y + 1)^3 = sum_p binom(3, p) x^p y^p, so the distance is a sum over moments.
    def moments(mean, deviation):
        return np.array([stats.norm.moment(p, loc=mean, scale=deviation) for p in range(4)])

    truth = np.array([1, 3, 3, 1]) @ (moments(0.5, 1.0) - moments(0.0, 1.2)) ** 2
    found = [
        distances.kernel_distance(RNG.normal(0.5, 1.0, (50, 1)), RNG.normal(0.0, 1.2, (70, 1)))
        for _ in range(1000)
    ]
    assert np.mean(found) == pytest.approx(truth, abs=3 * np.std(found) / np.sqrt(len(found)))


# Precision and recall


def test_the_fifth_neighbour_decides_unless_another_is_asked_for():
    ours, reference = RNG.normal(0.3, 1, (150, 6)), RNG.normal(0, 0.9, (210, 6))
    for default, five in zip(
        distances.precision_recall(ours, reference),
        distances.precision_recall(ours, reference, 5),
        strict=True,
    ):
        assert np.array_equal(default, five)


def check_against_prdc(ours, reference, neighbours):
    precise, recalled = distances.precision_recall(ours, reference, neighbours)
    assert precise.shape == (len(ours),) and recalled.shape == (len(reference),)
    assert precise.dtype == recalled.dtype == bool
    theirs = prdc.compute_prdc(reference, ours, neighbours)
    assert (precise.mean(), recalled.mean()) == (theirs["precision"], theirs["recall"])
    return precise.mean(), recalled.mean()


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_precision_and_recall_are_those_of_prdc(neighbours):
    ours, reference = RNG.normal(0.3, 1, (150, 6)), RNG.normal(0, 0.9, (210, 6))
    precision, recall = check_against_prdc(ours, reference, neighbours)
    assert 0.05 < precision < 0.99 and 0.05 < recall < 0.99


@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_precision_and_recall_with_duplicates_are_those_of_prdc(neighbours):
    # Small integers: their distances have no rounding errors, so equal ones are equal.
    ours, reference = RNG.integers(0, 3, (100, 4)), RNG.integers(0, 4, (140, 4))
    ours, reference = np.vstack([ours, ours[:30]]), np.vstack([reference, reference[:50], ours[:9]])
    assert len(np.unique(reference, axis=0)) < 120
    check_against_prdc(ours.astype(float), reference.astype(float), neighbours)


def test_each_sample_is_told_by_the_balls_around_the_others_whatever_the_chunks():
    # 2,300 rows of 2,000 do not fit into one chunk of 32 MB.
    ours, reference = RNG.normal(size=(2300, 2)), RNG.normal(0.7, 1, size=(2000, 2))
    precise, recalled = distances.precision_recall(ours, reference, 2)

    def inside(points, centres):
        between = np.linalg.norm(centres[:, None] - centres, axis=2)
        radii = np.sort(between, axis=1)[:, 2]  # the first is the point itself
        return (np.linalg.norm(points[:, None] - centres, axis=2) < radii).any(1)

    np.testing.assert_array_equal(precise, inside(ours, reference))
    np.testing.assert_array_equal(recalled, inside(reference, ours))


def test_a_collapsed_model_is_precise_and_a_wide_one_is_not():
    reference = RNG.normal(size=(500, 2)) + RNG.choice([-10, 10], (500, 1))
    one_mode = RNG.normal(size=(500, 2)) * 0.5 + 10
    precise, recalled = distances.precision_recall(one_mode, reference)
    assert precise.mean() > 0.95 and 0.1 < recalled.mean() < 0.5
    assert not recalled[reference[:, 0] < 0].any()
    wide = RNG.uniform(-40, 40, (500, 2))
    precise, recalled = distances.precision_recall(wide, reference)
    assert precise.mean() < 0.1 and recalled.mean() > 0.9


# The nearest, and classes


def test_nearest_is_brute_force():
    ours, reference = RNG.normal(size=(70, 5)), RNG.normal(size=(600, 5))
    ours[3], ours[4] = reference[17], reference[599]
    found, indices = distances.nearest(ours, reference)
    between = np.sqrt(((ours[:, None] - reference) ** 2).sum(2))
    np.testing.assert_array_equal(indices, between.argmin(1))
    np.testing.assert_allclose(found, between.min(1), rtol=1e-12)
    assert found[3] == found[4] == 0  # a copy is told exactly


def test_a_copy_far_from_zero_is_told_exactly():
    reference = RNG.normal(1e4, 1, (50, 8)).astype("float32")
    found, indices = distances.nearest(reference[::-1], reference)
    np.testing.assert_array_equal(found, 0)
    np.testing.assert_array_equal(indices, np.arange(50)[::-1])


def test_class_coverage_by_hand():
    ten = np.arange(1000) % 10
    assert distances.class_coverage(ten[::-1][:500], ten, 10) == pytest.approx(1)
    assert distances.class_coverage(np.full(77, 4), ten, 10) == pytest.approx(0.1)
    assert distances.class_coverage([0, 0, 0, 1], [0, 1, 1, 2], 3) == pytest.approx(0.5)
    assert distances.class_coverage([0, 0], [1, 1], 5) == 0
    ours, reference = RNG.integers(0, 4, 50), RNG.integers(0, 6, 90)
    shares = [[np.mean(labels == k) for k in range(6)] for labels in (ours, reference)]
    total_variation = np.abs(np.subtract(*shares)).sum() / 2
    assert distances.class_coverage(ours, reference, 6) == pytest.approx(1 - total_variation)


# Bad input

GOOD = np.arange(24.0).reshape(8, 3) ** 2
NAN, INFINITE = GOOD.copy(), GOOD.copy()
NAN[2, 1], INFINITE[7, 2] = np.nan, -np.inf


@pytest.mark.parametrize(
    "function",
    [
        distances.frechet_distance,
        distances.kernel_distance,
        distances.precision_recall,
        distances.nearest,
    ],
)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (GOOD[0], r"{} must be \(n, d\), not \(3,\)"),
        (GOOD[None], r"{} must be \(n, d\), not \(1, 8, 3\)"),
        (GOOD[:, :0], r"{} must be \(n, d\), not \(8, 0\)"),
        (GOOD[:1], r"{} must have at least \d samples, not 1"),
        (NAN, r"{} has values that are not finite"),
        (INFINITE, r"{} has values that are not finite"),
    ],
)
def test_bad_samples_are_refused(function, bad, message):
    with pytest.raises(ValueError, match=message.format("ours")):
        function(bad, GOOD)
    with pytest.raises(ValueError, match=message.format("reference")):
        function(GOOD, bad)
    with pytest.raises(ValueError, match="ours has 2 features per sample, but reference has 3"):
        function(GOOD[:, :2], GOOD)


def test_too_few_samples_for_the_neighbours_are_refused():
    distances.precision_recall(GOOD, GOOD[:6], 5)
    with pytest.raises(ValueError, match="reference must have at least 6 samples, not 5"):
        distances.precision_recall(GOOD, GOOD[:5], 5)
    with pytest.raises(ValueError, match="neighbours must be at least 1, not 0"):
        distances.precision_recall(GOOD, GOOD, 0)


def test_bad_moments_are_refused():
    mean, covariance = np.zeros(3), np.eye(3)
    for bad in ((mean[:2], covariance), (mean, covariance[:2]), (mean, np.ones(3))):
        with pytest.raises(ValueError, match=r"means must be \(d,\) and covariances \(d, d\)"):
            distances.gaussian_frechet_distance(mean, covariance, *bad)
    with pytest.raises(ValueError, match="means and covariances must be finite"):
        distances.gaussian_frechet_distance(mean, covariance, mean, covariance * np.nan)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([[0, 1]], r"labels must be \(n,\) integers, at least 2, not \(1, 2\)"),
        ([1], r"labels must be \(n,\) integers, at least 2, not \(1,\)"),
        ([0.0, np.nan], r"labels must be \(n,\) integers, at least 2, not \(2,\) float64"),
        ([0, 3], "labels must be from 0 to 2"),
        ([-1, 2], "labels must be from 0 to 2"),
    ],
)
def test_bad_labels_are_refused(bad, message):
    with pytest.raises(ValueError, match="ours: " + message):
        distances.class_coverage(bad, [0, 1, 2], 3)
    with pytest.raises(ValueError, match="reference: " + message):
        distances.class_coverage([0, 1, 2], bad, 3)
