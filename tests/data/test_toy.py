"""The mixture's own formulas against integrals and against its samples."""

import numpy as np
import pytest

from genai_keras.data.toy import GaussianMixture, load_mixture

MIXTURE = GaussianMixture()


def test_the_density_integrates_to_one_and_has_the_samples_moments():
    x = np.linspace(-10, 10, 20_001)
    p = MIXTURE.density(x)
    samples = MIXTURE.sample(200_000, seed=0)
    assert np.trapezoid(p, x) == pytest.approx(1.0, abs=1e-6)
    assert np.trapezoid(p * x, x) == pytest.approx(samples.mean(), abs=0.02)
    assert np.trapezoid(p * x**2, x) == pytest.approx((samples**2).mean(), abs=0.05)


def test_quantiles_are_those_of_the_samples():
    shares = np.array([0.05, 0.3, 0.55, 0.7, 0.95])
    expected = np.quantile(MIXTURE.sample(400_000, seed=1), shares)
    assert MIXTURE.quantiles(shares) == pytest.approx(expected, abs=0.03)


def test_wasserstein_of_a_shift_is_the_shift():
    samples = MIXTURE.sample(50_000, seed=2)
    assert MIXTURE.wasserstein(samples) < 0.03
    assert MIXTURE.wasserstein(samples + 1.5) == pytest.approx(1.5, abs=0.03)


def test_training_and_validation_points_differ():
    train, validation = (
        np.concatenate(list(part.in_order().as_numpy_iterator()))
        for part in load_mixture(1_000, limit=5_000)
    )
    assert len(train) == 5_000 and len(validation) == 2_000
    assert not set(train.ravel()) & set(validation.ravel())
