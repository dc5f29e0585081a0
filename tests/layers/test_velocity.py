"""The layers of a velocity against the Gaussian data for which they are exact."""

import keras
import numpy as np
import pytest

from genai_keras.errors import UserError
from genai_keras.layers.velocity import GaussianVelocity, Standardization, TimeEmbedding

TIMES = (0.0, 0.2, 0.5, 0.8, 1.0)
MEAN, DEVIATION = -0.6, 0.3


def on_the_way(t, count=200_000, seed=0):
    """Gaussian data on their way at time t, and their velocities, `(count,)`."""
    random = np.random.default_rng(seed)
    noise, data = random.normal(size=count), random.normal(MEAN, DEVIATION, count)
    return (1 - t) * noise + t * data, data - noise


def applied(layer, x, t, *more):
    columns = [each[:, None].astype("float32") for each in (x, *more)]
    times = np.full(len(x), t, "float32")
    return np.array(layer(columns[0], times, *columns[1:]), "float64")[:, 0]


@pytest.mark.parametrize("t", TIMES)
def test_standardized_samples_have_mean_0_and_variance_1_at_any_time(t):
    x, _ = on_the_way(t)
    found = applied(Standardization(MEAN, DEVIATION), x, t)
    assert found.mean() == pytest.approx(0.0, abs=0.01)
    assert found.std() == pytest.approx(1.0, abs=0.01)
    assert abs(x.mean()) > 0.1 or abs(x.std() - 1) > 0.1 or t == 0.0


@pytest.mark.parametrize("t", TIMES)
def test_the_velocity_without_a_correction_is_the_best_for_gaussian_data(t):
    """The best one is a line, as all is Gaussian: that of least squares, from many samples."""
    x, velocity = on_the_way(t)
    layer = GaussianVelocity(MEAN, DEVIATION)
    slope, offset = np.polyfit(x, velocity, 1)
    points = np.array([-2.0, 0.0, 1.5])
    found = applied(layer, points, t, np.zeros(3))
    assert found == pytest.approx(slope * points + offset, abs=0.02)
    # A correction is in units of what the best one cannot know.
    error = (velocity - applied(layer, x, t, np.zeros_like(x))).std()
    unit = applied(layer, points, t, np.full(3, 2.0)) - found
    assert unit == pytest.approx(2 * error, abs=0.01)


def test_each_sample_has_its_own_time():
    x = np.random.default_rng(0).normal(size=(5, 2, 3, 1)).astype("float32")
    times = np.linspace(0.0, 1.0, 5).astype("float32")
    for layer, more in (
        (Standardization(MEAN, DEVIATION), ()),
        (GaussianVelocity(MEAN, DEVIATION), (np.cos(x),)),
    ):
        whole = np.array(layer(x, times, *more))
        assert whole.shape == x.shape
        for i in range(5):
            alone = layer(x[i : i + 1], times[i : i + 1], *(each[i : i + 1] for each in more))
            assert np.array(alone)[0] == pytest.approx(whole[i], abs=1e-6)


def test_a_time_becomes_waves_from_slow_to_fast():
    t = np.linspace(0.0, 1.0, 9).astype("float32")
    found = np.array(TimeEmbedding(6)(t))
    angles = t[:, None] * np.array([1.0, np.sqrt(30.0), 30.0])
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    assert found.shape == (9, 6)
    assert found == pytest.approx(expected, abs=1e-3)
    distances = np.linalg.norm(found[:, None] - found, axis=2)
    assert np.all(distances[~np.eye(9, dtype=bool)] > 0.1)  # no two times look alike


def test_an_odd_width_is_told():
    with pytest.raises(UserError, match="come in pairs: the width must be even, not 7"):
        TimeEmbedding(7)


@pytest.mark.parametrize(
    "layer", [TimeEmbedding(6), Standardization(0.1, 2.0), GaussianVelocity(0.1, 2.0)]
)
def test_they_come_back_from_their_config(layer):
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert keras.saving.get_registered_name(type(layer)).startswith("genai_keras>")


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_times_and_samples_are_not_rounded_before_they_are_used(precision):
    """1 - t and 30 t need all digits; only the results may be in low precision."""
    t = np.array([0.1234, 0.9876], "float32")
    x = np.array([[0.1234], [-0.9876]], "float32")
    for make, inputs in (
        (lambda **how: TimeEmbedding(4, **how), (t,)),
        (lambda **how: Standardization(0.5, 0.01, **how), (x, t)),
        (lambda **how: GaussianVelocity(0.5, 0.01, **how), (x, t, x)),
    ):
        found, exact = (make(dtype=dtype)(*inputs) for dtype in (precision, "float32"))
        difference = np.abs(np.array(found, "float64") - np.array(exact, "float64"))
        assert np.all(difference <= 0.005 * np.abs(exact) + 1e-6)
