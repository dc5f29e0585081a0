"""The likelihoods of pixels and the Gaussian formulas against SciPy, brute force and laws."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from genai_keras.layers.reparameterization import Reparameterization
from genai_keras.likelihoods import Bernoulli, DiscretizedLogistic
from genai_keras.losses import gaussian_kl, gaussian_log_density, importance_weighted_bound

RNG = np.random.default_rng(0)


def test_bernoulli_is_scipys():
    pixels = RNG.integers(0, 2, (5, 4, 3, 2)).astype("float32")
    logits = RNG.normal(0, 3, pixels.shape).astype("float32")
    expected = stats.bernoulli.logpmf(pixels, special.expit(logits)).sum((1, 2, 3))
    assert np.array(Bernoulli().log_prob(pixels, logits)) == pytest.approx(expected, rel=1e-4)


def test_the_256_values_of_a_pixel_have_mass_one():
    values = (np.arange(256, dtype="float32") / 255).reshape(256, 1, 1, 1)
    for location in (-0.5, 0.0, 0.31, 1.0, 2.0):
        for log_scale in (-6.0, -3.0, 0.0, 3.0):
            outputs = np.broadcast_to(np.float32([location, log_scale]), (256, 1, 1, 2))
            log_mass = np.array(DiscretizedLogistic().log_prob(values, outputs), "float64")
            assert np.exp(log_mass).sum() == pytest.approx(1.0, abs=2e-3), (location, log_scale)


def test_discretized_logistic_is_the_difference_of_two_sigmoids():
    values = RNG.integers(0, 256, (50, 3, 2, 1))
    location = RNG.uniform(-0.2, 1.2, values.shape)
    log_scale = RNG.uniform(-2.5, 0, values.shape)  # narrower, and SciPy's difference is 0
    upper = np.where(values == 255, np.inf, (values + 0.5) / 255)
    lower = np.where(values == 0, -np.inf, (values - 0.5) / 255)
    scale = np.exp(log_scale)
    mass = special.expit((upper - location) / scale) - special.expit((lower - location) / scale)
    outputs = np.concatenate([location, log_scale], -1).astype("float32")
    found = DiscretizedLogistic().log_prob((values / 255).astype("float32"), outputs)
    assert np.array(found) == pytest.approx(np.log(mass).sum((1, 2, 3)), rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("pixel", [0.0, 0.5019608, 1.0], ids=["black", "grey", "white"])
@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_extreme_outputs_stay_finite_and_so_do_their_gradients(pixel, extreme):
    pixels = np.full((1, 2, 2, 1), pixel, "float32")
    for likelihood in (DiscretizedLogistic(), Bernoulli()):
        outputs = tf.constant(extreme, shape=(1, 2, 2, likelihood.parameters))
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            log_prob = likelihood.log_prob(pixels, outputs)
        assert np.isfinite(log_prob).all()
        assert np.isfinite(tape.gradient(log_prob, outputs)).all()


def test_kl_by_hand_and_by_sampling():
    zeros = np.zeros(3, "float32")
    assert np.array(gaussian_kl(zeros, zeros)).tolist() == [0.0, 0.0, 0.0]
    # KL(N(1, 4) || N(0, 1)) = (4 + 1 - 1 - log 4) / 2
    assert float(gaussian_kl(np.float32(1.0), np.float32(np.log(4.0)))) == pytest.approx(
        (4 - np.log(4)) / 2, rel=1e-6
    )
    mean, log_variance = RNG.normal(size=3), RNG.normal(size=3)
    deviation = np.exp(log_variance / 2)
    z = mean + deviation * RNG.normal(size=(400_000, 3))
    sampled = stats.norm.logpdf(z, mean, deviation) - stats.norm.logpdf(z)
    found = np.array(gaussian_kl(mean.astype("float32"), log_variance.astype("float32")))
    error = sampled.std(axis=0) / np.sqrt(len(z))
    assert np.all(np.abs(found - sampled.mean(axis=0)) < 4.5 * error)
    assert np.all(found > 0)


def test_log_density_is_scipys():
    z, mean, log_variance = RNG.normal(size=(3, 6, 4)).astype("float32")
    expected = stats.norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(-1)
    assert np.array(gaussian_log_density(z, mean, log_variance)) == pytest.approx(
        expected, rel=1e-4
    )


def test_the_bound_is_the_log_of_the_mean_weight():
    log_weights = RNG.normal(-1000, 5, (7, 4)).astype("float32")  # whose exponentials underflow
    expected = special.logsumexp(log_weights.astype("float64"), axis=0) - np.log(7)
    assert np.array(importance_weighted_bound(log_weights)) == pytest.approx(expected, rel=1e-6)


def test_the_reparameterizations_gradient_is_that_of_finite_differences():
    layer = Reparameterization(seed=3)
    state = np.array(layer.seed_generator.state)
    mean, log_variance = RNG.normal(size=(2, 4, 3)).astype("float32")

    def objective(mean, log_variance):
        layer.seed_generator.state.assign(state)  # the same epsilon each time
        return tf.reduce_sum(layer(mean, log_variance, samples=2) ** 2)

    inputs = [tf.constant(mean), tf.constant(log_variance)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = objective(*inputs)
    gradients = tape.gradient(value, inputs)
    step = 1e-2
    for which, gradient in enumerate(gradients):
        for place in np.ndindex(4, 3):
            moved = []
            for sign in (1, -1):
                arrays = [mean.copy(), log_variance.copy()]
                arrays[which][place] += sign * step
                moved.append(float(objective(*map(tf.constant, arrays))))
            slope = (moved[0] - moved[1]) / (2 * step)
            assert float(gradient[place]) == pytest.approx(slope, rel=2e-2, abs=2e-2)


def test_samples_have_the_mean_and_the_deviation_asked_for():
    layer = Reparameterization(seed=1)
    z = np.array(layer(np.float32([[2.0, -1.0]]), np.float32([[0.0, 2.0]]), samples=100_000))
    assert z.shape == (100_000, 1, 2)
    assert z.mean(axis=(0, 1)) == pytest.approx([2.0, -1.0], abs=0.05)
    assert z.std(axis=(0, 1)) == pytest.approx([1.0, np.e], rel=0.02)


def test_log_variances_beyond_the_stated_range_count_as_its_ends():
    layer = Reparameterization(low=-2.0, high=3.0)
    assert np.array(layer.clip(np.float32([-1e4, -2.5, 0.5, 1e4]))).tolist() == [-2, -2, 0.5, 3]
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.low, again.high, again.seed) == (-2.0, 3.0, 0)
