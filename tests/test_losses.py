"""The losses against values worked out by hand and against Keras' own cross-entropy."""

import keras
import numpy as np
import pytest

from genai_keras.losses import (
    cross_entropy,
    discriminator_loss,
    non_saturating_generator_loss,
    smoothing_penalty,
)

REAL = np.array([[2.0], [-1.0], [0.5]], "float32")
FAKE = np.array([[-3.0], [1.5], [0.0]], "float32")


def binary_cross_entropy(target, logits):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return float(loss(np.full_like(logits, target), logits))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_losses_are_the_binary_cross_entropies(smoothing):
    expected = binary_cross_entropy(1.0 - smoothing, REAL) + binary_cross_entropy(0.0, FAKE)
    assert float(discriminator_loss(REAL, FAKE, smoothing)) == pytest.approx(expected, rel=1e-6)
    assert float(non_saturating_generator_loss(FAKE)) == pytest.approx(
        binary_cross_entropy(1.0, FAKE), rel=1e-6
    )


def test_an_undecided_discriminator_costs_two_log_two():
    zeros = np.zeros((4, 1), "float32")
    assert float(discriminator_loss(zeros, zeros)) == pytest.approx(2 * np.log(2), rel=1e-6)
    assert float(non_saturating_generator_loss(zeros)) == pytest.approx(np.log(2), rel=1e-6)


def test_a_perfect_discriminator():
    """D(x) = 1 - 1e-4 and D(G(z)) = 1e-4: the losses are -2 log(1 - 1e-4) and -log(1e-4)."""
    logit = np.float32(np.log((1 - 1e-4) / 1e-4))
    real, fake = np.full((2, 1), logit), np.full((2, 1), -logit)
    assert float(discriminator_loss(real, fake)) == pytest.approx(-2 * np.log1p(-1e-4), rel=1e-3)
    assert float(non_saturating_generator_loss(fake)) == pytest.approx(-np.log(1e-4), rel=1e-5)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits_stay_finite(logit):
    logits = np.full((2, 1), logit, "float32")
    assert np.isfinite(discriminator_loss(logits, logits, 0.1))
    assert np.isfinite(non_saturating_generator_loss(logits))


def test_one_sided_smoothing_moves_the_optimum_for_real_samples_only():
    """The real part is least at D(x) = 1 - smoothing; the fake part still falls without end."""
    logits = np.linspace(-8, 8, 1601, dtype="float32")
    far = np.full((1, 1), -50.0, "float32")
    real_part = [float(discriminator_loss(np.full((1, 1), x), far, 0.1)) for x in logits]
    best = 1 / (1 + np.exp(-logits[int(np.argmin(real_part))]))
    assert best == pytest.approx(0.9, abs=2e-3)
    zero = np.zeros((1, 1), "float32")
    fake_part = [float(discriminator_loss(zero, np.full((1, 1), x))) for x in logits]
    assert np.all(np.diff(fake_part) > 0)


def test_cross_entropy_and_its_smoothing_are_keras_own():
    rng = np.random.default_rng(0)
    tokens, logits = rng.integers(0, 7, (3, 5)), 3 * rng.normal(size=(3, 5, 7)).astype("float32")
    nats = np.array(cross_entropy(tokens, logits))
    for smoothing in (0.0, 0.1, 0.5):
        theirs = keras.losses.CategoricalCrossentropy(True, smoothing, reduction=None)
        np.testing.assert_allclose(
            nats + smoothing * np.array(smoothing_penalty(tokens, logits)),
            theirs(np.eye(7)[tokens], logits),
            rtol=1e-5,
        )
    assert np.array(cross_entropy(tokens, np.zeros_like(logits))) == pytest.approx(np.log(7))
