"""The VAE against models whose likelihood is known exactly, and the laws that it must keep."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_same_bits, equal, random_images, snapshot
from scipy import stats

from genai_keras.evaluation import likelihood
from genai_keras.evaluation.likelihood import (
    importance_weighted_bound,
    importance_weighted_log_likelihood,
    log_importance_weights,
)
from genai_keras.models.metrics import ActiveUnits
from genai_keras.models.vae import VAE
from genai_keras.networks import conv_vae, dense
from genai_keras.sampling.noise import interpolation

SHAPES = [(28, 28, 1), (32, 32, 3), (64, 64, 3), (30, 22, 1), (5, 7, 3)]


def make_vae(network="dense", shape=(8, 8, 1), seed=0, likelihood="bernoulli", **arguments):
    keras.utils.set_random_seed(seed)
    outputs = shape[-1] * (2 if likelihood == "logistic" else 1)
    if network == "conv":
        encoder = conv_vae.build_conv_encoder(shape, 3, (4, 4), 8)
        decoder = conv_vae.build_conv_decoder(3, shape, outputs, (4, 4), 8)
    else:
        encoder = dense.build_dense_encoder(shape, 3, (16,))
        decoder = dense.build_dense_decoder(3, (*shape[:2], outputs), (16,))
    vae = VAE(encoder, decoder, likelihood, seed=seed, **arguments)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def binary_images(count=32, seed=0):
    return (random_images(count, seed=seed) > 0).astype("float32")


class UnitGaussian:
    """log N(x; outputs, 1): with a linear decoder, log p(x) has a closed form."""

    name = "gaussian"
    parameters = 1

    def log_prob(self, x, outputs):
        squares = keras.ops.square(x - outputs) + np.log(2 * np.pi)
        return -0.5 * keras.ops.sum(squares, axis=(-3, -2, -1))


@pytest.fixture
def linear_gaussian():
    """x = W z + b + noise, so p(x) = N(b, W W' + 1); the encoder is close to p(z | x), not equal.

    Returns the VAE, ten x, and their exact log p(x).
    """
    rng = np.random.default_rng(5)
    weights, bias = rng.normal(size=(2, 6)), rng.normal(size=6)
    covariance = weights.T @ weights + np.eye(6)
    x = rng.multivariate_normal(bias, covariance, size=10)
    exact = stats.multivariate_normal.logpdf(x, bias, covariance)
    posterior = np.linalg.inv(weights @ weights.T + np.eye(2))
    to_mean = weights.T @ posterior  # E[z | x] = (x - b) W' (W W' + 1)^-1
    image = keras.Input((2, 3, 1))
    flat = keras.layers.Flatten()(image)
    mean, log_variance = keras.layers.Dense(2), keras.layers.Dense(2)
    encoder = keras.Model(image, [mean(flat), log_variance(flat)])
    mean.set_weights([to_mean, -bias @ to_mean])
    # The posterior's variances without its covariances, and half as much again.
    log_variance.set_weights([np.zeros((6, 2)), np.log(1.5 * np.diag(posterior))])
    z = keras.Input((2,))
    linear = keras.layers.Dense(6)
    decoder = keras.Model(z, keras.layers.Reshape((2, 3, 1))(linear(z)))
    linear.set_weights([weights, bias])
    vae = VAE(encoder, decoder)
    vae.likelihood = UnitGaussian()
    return vae, x.reshape(10, 2, 3, 1).astype("float32"), exact


@pytest.mark.slow
def test_the_bounds_are_in_order_and_reach_the_exact_likelihood(linear_gaussian):
    vae, x, exact = linear_gaussian
    # The ELBO, in the mean over draws of z, with its Monte Carlo error.
    draw = tf.function(lambda: vae.terms(x, vae.reparameterize)["elbo"])
    draws = np.array([draw() for _ in range(400)])
    elbo, error = draws.mean(axis=0), draws.mean(axis=1).std() / 20
    assert np.mean(elbo) + 4 * error < np.mean(exact)
    bounds = []
    for samples in (1, 10, 100):  # draws of their own, as of the same ones the order is certain
        log_weights = log_importance_weights(vae, x, 20_000, seed=samples)
        bounds.append(importance_weighted_bound(log_weights, samples))
    assert bounds[0] == pytest.approx(elbo, abs=0.6)  # k = 1 is the ELBO, in the mean
    assert np.mean(bounds[0]) == pytest.approx(np.mean(elbo), abs=0.15)
    assert np.mean(bounds[0]) < np.mean(bounds[1]) < np.mean(bounds[2]) < np.mean(exact) + 0.01
    many = importance_weighted_log_likelihood(vae, x, 20_000)
    assert many == pytest.approx(exact, abs=0.05)


def test_the_exact_posterior_makes_every_weight_the_likelihood():
    """With q(z | x) = p(z | x) all weights equal p(x): the estimate has no error at all."""
    image = keras.Input((1, 1, 1))
    flat = keras.layers.Flatten()(image)
    mean, log_variance = keras.layers.Dense(1), keras.layers.Dense(1)
    encoder = keras.Model(image, [mean(flat), log_variance(flat)])
    # x = 2 z + noise: p(z | x) = N(2 x / 5, 1 / 5) and p(x) = N(0, 5).
    mean.set_weights([np.array([[0.4]]), np.zeros(1)])
    log_variance.set_weights([np.zeros((1, 1)), np.log([0.2])])
    z = keras.Input((1,))
    linear = keras.layers.Dense(1)
    decoder = keras.Model(z, keras.layers.Reshape((1, 1, 1))(linear(z)))
    linear.set_weights([np.array([[2.0]]), np.zeros(1)])
    vae = VAE(encoder, decoder)
    vae.likelihood = UnitGaussian()
    x = np.array([-3.0, 0.2, 5.0], "float32").reshape(3, 1, 1, 1)
    found = importance_weighted_log_likelihood(vae, x, samples=20)
    assert found == pytest.approx(stats.norm.logpdf(x.ravel(), 0, np.sqrt(5)), abs=1e-4)
    assert np.array(vae.terms(x, vae.reparameterize)["loss"]) < 10


def test_the_estimate_does_not_depend_on_how_it_is_cut(linear_gaussian, monkeypatch):
    vae, x, _ = linear_gaussian
    whole = importance_weighted_log_likelihood(vae, x, 4_000)
    monkeypatch.setattr(likelihood, "IMAGES_AT_ONCE", 3)
    monkeypatch.setattr(likelihood, "SAMPLES_AT_ONCE", 1_500)
    assert importance_weighted_log_likelihood(vae, x, 4_000) == pytest.approx(whole, abs=0.1)


def test_bounds_from_the_same_draws_are_means_over_groups_and_never_fall():
    log_weights = np.random.default_rng(0).normal(-80, 6, (12, 5))
    by_hand = [
        [np.mean([np.log(np.mean(np.exp(w[i : i + k]))) for i in range(0, 12, k)]) for w in group]
        for k, group in ((k, log_weights.T) for k in (1, 3, 12))
    ]
    bounds = [importance_weighted_bound(log_weights, k) for k in (1, 3, 12)]
    assert np.array(bounds) == pytest.approx(np.array(by_hand))
    assert np.all(bounds[0] <= bounds[1]) and np.all(bounds[1] <= bounds[2])
    with pytest.raises(ValueError, match="k=5 does not divide the 12 draws"):
        importance_weighted_bound(log_weights, 5)


def test_the_importance_weighted_loss_is_worked_out_from_the_same_weights(linear_gaussian):
    vae, x, _ = linear_gaussian
    vae.importance_samples = 5
    state = np.array(vae.reparameterize.seed_generator.state)
    loss = float(vae.terms(x, vae.reparameterize)["loss"])
    vae.reparameterize.seed_generator.state.assign(state)
    weights = np.array(vae.log_importance_weights(x, 5, vae.reparameterize), "float64")
    assert loss == pytest.approx(-np.log(np.exp(weights).mean(axis=0)).mean(), rel=1e-5)


def test_one_importance_sample_is_the_plain_bound():
    plain, one = make_vae(), make_vae(importance_samples=1)
    for vae in (plain, one):
        vae.fit(binary_images(), batch_size=8, epochs=2, verbose=0, shuffle=False)
    assert equal(snapshot(plain), snapshot(one))


def test_objectives_that_do_not_go_together():
    for wrong in ({"beta": 2.0}, {"free_bits": 0.1}, {"warmup_steps": 5}):
        with pytest.raises(ValueError, match="importance"):
            make_vae(importance_samples=2, **wrong)
    with pytest.raises(ValueError, match="bernoulli"):
        make_vae(likelihood="gauss")


def test_the_loss_is_reconstruction_and_kl_with_its_weights():
    x = binary_images()
    vae = make_vae(beta=3.0, free_bits=0.0)
    terms = {name: np.array(value) for name, value in vae.terms(x, vae.reparameterize).items()}
    mean, log_variance = vae.encode(x)
    kl = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance)
    assert terms["kl"] == pytest.approx(kl.sum(axis=1), rel=1e-4)
    assert terms["elbo"] == pytest.approx(-terms["reconstruction"] - terms["kl"], rel=1e-5)
    expected = terms["reconstruction"].mean() + 3 * kl.sum(axis=1).mean()
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)
    vae.beta, vae.free_bits = 1.0, float(kl.mean(axis=0).max()) + 0.5
    free = vae.terms(x, vae.reparameterize)
    expected = np.mean(free["reconstruction"]) + 3 * vae.free_bits  # for each of three latents
    assert float(free["loss"]) == pytest.approx(expected, rel=1e-5)


def test_warm_up_raises_the_weight_from_zero():
    vae = make_vae(beta=2.0, warmup_steps=4)
    weights = []
    for _ in range(6):
        weights.append(float(vae._kl_weight()))
        vae.train_on_batch(binary_images(8))
    assert weights == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0, 2.0])


@pytest.mark.parametrize("arguments", [{}, {"importance_samples": 3}, {"beta": 0.5}], ids=str)
def test_validation_and_training_share_one_loss(arguments):
    """Same batch, same noise: the same numbers."""
    vae = make_vae(**arguments)
    x = binary_images(8)
    vae.validation_reparameterize.seed_generator.state.assign(
        vae.reparameterize.seed_generator.state
    )
    tested = vae.test_on_batch(x, return_dict=True)
    vae.reset_metrics()
    trained = vae.train_on_batch(x, return_dict=True)
    for name in trained:
        assert float(tested[name]) == pytest.approx(float(trained[name]), rel=1e-6), name


def test_metrics_are_means_over_samples_whatever_the_batches():
    vae = make_vae()
    x = binary_images(20)
    found = vae.evaluate(x, batch_size=8, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(-found["elbo"], rel=1e-5)
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"], rel=1e-5)


def test_active_units_are_those_whose_mean_moves():
    metric = ActiveUnits(4)
    codes = np.random.default_rng(0).normal(size=(1_000, 4)) * [1.0, 0.5, 0.05, 0.0] + [0, 5, 5, 5]
    for part in np.split(codes.astype("float32"), 10):
        metric.update_state(part)
    assert float(metric.result()) == 2.0
    assert np.array(metric.variances()) == pytest.approx(codes.var(axis=0), abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "conv"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "logistic"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_decoded_images_have_the_inputs_shape(network, likelihood, shape):
    vae = make_vae(network, shape, likelihood=likelihood)
    x = random_images(2, shape) * 0.5 + 0.5
    assert vae.reconstruct(x).shape == vae.generate(2).shape == x.shape
    assert vae.interpolate(x[0], x[1], steps=5).shape == (5, *shape)
    assert np.isfinite(vae.terms(x, vae.reparameterize)["loss"])


@pytest.mark.parametrize("pixel", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize("log_variance", [-1e4, 1e4])
@pytest.mark.parametrize("likelihood", ["bernoulli", "logistic"])
@pytest.mark.parametrize("k", [1, 3])
def test_extremes_leave_loss_and_weights_finite(pixel, log_variance, likelihood, k):
    vae = make_vae(likelihood=likelihood, importance_samples=k)
    layer = vae.encoder.get_layer("log_variance")
    layer.set_weights([layer.get_weights()[0], np.full(3, log_variance)])
    logs = vae.train_on_batch(np.full((4, 8, 8, 1), pixel, "float32"), return_dict=True)
    assert all(np.isfinite(float(value)) for value in logs.values())
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())


@pytest.mark.slow
def test_it_learns():
    """Two kinds of images, one bit of information: log p(x) can rise to -log 2, no further."""
    kinds = np.stack([np.zeros((8, 8, 1)), np.eye(8)[..., None]]).astype("float32")
    x = kinds[np.arange(512) % 2]
    vae = make_vae()
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(x, batch_size=32, epochs=60, verbose=0)
    found = importance_weighted_log_likelihood(vae, kinds, 2_000).mean()
    assert -np.log(2) - 0.2 < found < -np.log(2) + 0.02
    assert vae.evaluate(x, verbose=0, return_dict=True)["elbo"] < found
    assert np.round(vae.reconstruct(kinds)) == pytest.approx(kinds)
    drawn = np.round(vae.generate(200))
    shares = [np.mean([np.array_equal(each, kind) for each in drawn]) for kind in kinds]
    assert sum(shares) > 0.9 and min(shares) > 0.2


def test_interpolation_keeps_its_ends_and_its_law():
    first, last = np.array([3.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    for method in ("linear", "spherical"):
        path = interpolation(first, last, 5, method)
        assert path[0] == pytest.approx(first) and path[-1] == pytest.approx(last, abs=1e-12)
    assert interpolation(first, last, 3, "linear")[1] == pytest.approx([1.5, 0.5, 0.0])
    # Half of a right angle, at the mean of both lengths.
    assert interpolation(first, last, 3)[1] == pytest.approx([2**0.5, 2**0.5, 0.0])
    for other in (2 * first, np.zeros(3)):  # along one line there is no angle to turn by
        assert interpolation(first, other, 3) == pytest.approx(
            interpolation(first, other, 3, "linear")
        )
    with pytest.raises(ValueError, match="spherical"):
        interpolation(first, last, 3, "cubic")


def test_generate_is_a_function_of_its_seed():
    vae = make_vae()
    assert np.array_equal(vae.generate(5, seed=3), vae.generate(5, seed=3))
    assert not np.array_equal(vae.generate(5, seed=3), vae.generate(5, seed=4))


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "conv"])
def test_validation_changes_nothing_that_training_uses(network):
    x = binary_images()
    vae, other = make_vae(network), make_vae(network)
    for model in (vae, other):
        model.fit(x, batch_size=8, verbose=0, shuffle=False)
        if model is other:
            model.evaluate(binary_images(seed=5), batch_size=8, verbose=0)
        model.fit(x, batch_size=8, verbose=0, shuffle=False)
    assert equal(vae.get_weights(), other.get_weights())


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "conv"])
def test_a_loaded_model_goes_on_training_exactly_the_same(network, tmp_path):
    x = binary_images()
    vae = make_vae(network, beta=0.7, warmup_steps=6, free_bits=0.01)
    vae.fit(x, batch_size=8, epochs=2, verbose=0, shuffle=False)
    vae.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.beta, loaded.warmup_steps, loaded.free_bits) == (0.7, 6, 0.01)
    assert np.array_equal(loaded.generate(4, seed=1), vae.generate(4, seed=1))
    for model, name in ((vae, "straight.keras"), (loaded, "loaded.keras")):
        model.fit(x, batch_size=8, epochs=2, verbose=0, shuffle=False)
        model.evaluate(x, batch_size=8, verbose=0)
        model.save(tmp_path / name)
    assert_same_bits(tmp_path / "straight.keras", tmp_path / "loaded.keras")
