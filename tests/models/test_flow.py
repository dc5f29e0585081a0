"""The flow against velocities and densities that are known exactly, and the laws it must keep."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_same_bits, equal, random_images, snapshot, trained_straight_and_in_two
from scipy import stats
from truths import MIXTURE, MixtureVelocity

from genai_keras.evaluation.likelihood import dequantized_log_likelihood
from genai_keras.models import flow as flow_module
from genai_keras.models.flow import Flow, spread_times
from genai_keras.networks.flow import build_dense_velocity

SHAPE = (8, 8, 1)
TRUE = MixtureVelocity()
GRID = np.linspace(-10.0, 10.0, 2_001)
# Of the trained flow. The worst of seeds 0 to 4, with oneDNN and without: 0.077, 0.032, 0.007 and
# 0.058. The 0.05 is that of the GAN `dense-1d` after all of its epochs.
VELOCITY, DISTANCE, DIVERGENCE, LOG_DENSITY = 0.15, 0.05, 0.03, 0.15


def make_flow(seed=0, rate=1e-3, classes=0, **arguments):
    """A small compiled flow of images."""
    keras.utils.set_random_seed(seed)
    network = build_dense_velocity(SHAPE, (16,), 8, classes)
    flow = Flow(network, **{"ema_decay": 0.9, "seed": seed, **arguments})
    flow.compile(keras.optimizers.Adam(rate))
    return flow


def shaken(flow, scale=0.5, seed=0):
    """The same flow with other weights: a new network corrects nothing yet."""
    random = np.random.default_rng(seed)
    for network in (flow.network, flow.averaged_network):
        weights = [w + scale * random.normal(size=w.shape) / len(w) for w in network.get_weights()]
        network.set_weights(weights)
    return flow


def numbers_flow(size=1, seed=0, **arguments):
    """A flow of `size` numbers with random weights."""
    keras.utils.set_random_seed(seed)
    return shaken(Flow(build_dense_velocity((size,), (16, 16), 8), **arguments), 2.0)


def train_on_mixture(seed):
    """As the preset `line`, but less: 1,500 steps, each of new numbers."""
    keras.utils.set_random_seed(seed)
    data = MIXTURE.sample(1_500 * 512, seed=seed + 1)
    network = build_dense_velocity((1,), mean=float(data.mean()), deviation=float(data.std()))
    flow = Flow(network, ema_decay=0.995, seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(4e-3, 1_500)
    flow.compile(keras.optimizers.Adam(rate), steps_per_execution=20)
    flow.fit(data, batch_size=512, verbose=0, shuffle=False)
    return flow


@pytest.fixture(scope="module")
def trained():
    return train_on_mixture(seed=0)


@pytest.fixture
def exact(monkeypatch):
    """A flow whose velocity is the true one of the mixture."""
    flow = Flow(build_dense_velocity((1,), (4,), 2), steps=200)
    monkeypatch.setattr(
        flow, "velocity", lambda x, t, label=None, guidance=1.0: TRUE.in_tensorflow(x, t)
    )
    return flow


def velocities(flow, x, t):
    points = tf.constant(x[:, None], tf.float32)
    return np.array(flow.velocity(points, tf.constant(t, tf.float32)))[:, 0]


def errors_of_velocity(flow, times=(0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)):
    """The root mean squared error at points that are as frequent as those on the way."""
    found = []
    for t in times:
        weights = TRUE.density(GRID, t)
        squares = (velocities(flow, GRID, t) - TRUE(GRID, t)) ** 2
        found.append(np.sqrt(np.average(squares, weights=weights)))
    return np.array(found)


def test_the_truth_keeps_the_law_of_continuity():
    """dp/dt = -d(p v)/dx, by differences: the velocity moves the densities into each other."""
    x, dx, dt = GRID, GRID[1] - GRID[0], 1e-4
    for t in (0.05, 0.5, 0.9):
        change = (TRUE.density(x, t + dt) - TRUE.density(x, t - dt)) / (2 * dt)
        current = TRUE.density(x, t) * TRUE(x, t)
        assert change == pytest.approx(-np.gradient(current, dx), abs=2e-3)
        assert np.abs(change).max() > 0.2
        same = TRUE.in_tensorflow(tf.constant(x[:, None], tf.float32), tf.constant(t, tf.float32))
        assert np.array(same)[:, 0] == pytest.approx(TRUE(x, t), abs=1e-4)


@pytest.mark.slow
def test_a_trained_flow_has_the_true_velocity(trained):
    untrained = Flow(build_dense_velocity((1,), mean=-0.4, deviation=2.06))
    assert errors_of_velocity(untrained).max() > 5 * VELOCITY
    assert errors_of_velocity(trained).max() < VELOCITY


@pytest.mark.slow
def test_the_samples_of_a_trained_flow_are_the_mixtures(trained):
    assert MIXTURE.wasserstein(trained.generate(20_000, seed=1, steps=20)) < DISTANCE


@pytest.mark.slow
def test_the_likelihood_of_a_trained_flow_is_the_true_density(trained):
    x = MIXTURE.sample(2_000, seed=7)
    surplus = np.log(MIXTURE.density(x[:, 0])) - trained.log_likelihood(x)
    assert -0.01 < surplus.mean() < DIVERGENCE  # the divergence from the truth, KL(p || q)
    assert np.abs(surplus).mean() < LOG_DENSITY
    density = np.exp(trained.log_likelihood(GRID[::4, None].astype("float32"), steps=100))
    assert np.trapezoid(density, GRID[::4]) == pytest.approx(1.0, abs=2e-3)


def test_the_true_velocity_makes_of_each_quantile_of_noise_that_of_the_mixture(exact):
    """Paths of numbers cannot cross, so they keep their order."""
    probabilities = np.linspace(0.001, 0.999, 300)
    found = exact.decode(stats.norm.ppf(probabilities)[:, None])[:, 0]
    assert found == pytest.approx(MIXTURE.quantiles(probabilities), abs=3e-3)
    # 5,000 numbers drawn from the mixture itself are 0.02 to 0.06 from it.
    assert MIXTURE.wasserstein(exact.generate(5_000, seed=1, steps=50)) < 0.08


def test_the_true_velocity_has_the_true_likelihood(exact):
    x = np.linspace(-5.0, 6.0, 300)
    found = exact.log_likelihood(x[:, None].astype("float32"), steps=200)
    assert found == pytest.approx(np.log(MIXTURE.density(x)), abs=3e-3)
    # For single numbers the trace is exact, whatever the signs.
    other = exact.log_likelihood(x[:, None].astype("float32"), steps=200, seed=5)
    assert other == pytest.approx(found, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_any_flow_of_numbers_has_a_density_whose_integral_is_1(seed):
    flow = numbers_flow(seed=seed)
    density = np.exp(flow.log_likelihood(GRID[::8, None].astype("float32"), steps=300))
    assert np.trapezoid(density, GRID[::8]) == pytest.approx(1.0, abs=1e-3)
    # Not by being the Gaussian which it would be without its network.
    assert np.abs(density - stats.norm.pdf(GRID[::8])).max() > 0.05


def test_a_density_is_that_of_the_samples():
    """The likelihood follows the same paths as the samples, so their histogram is the density."""
    flow = numbers_flow()
    samples = flow.generate(10_000, steps=50)[:, 0]
    x = np.linspace(-6, 6, 61)
    cumulative = np.searchsorted(np.sort(samples), x) / len(samples)
    fine = np.linspace(-6, 6, 601)
    density = np.exp(flow.log_likelihood(fine[:, None].astype("float32")))
    integral = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * 0.02)])[::10]
    assert cumulative == pytest.approx(integral, abs=1.95 / np.sqrt(len(samples)))  # p = 0.001


def with_explicit_jacobian(flow, x, steps, label=None):
    """The log-likelihood with Heun's method and the trace of the whole Jacobian, in NumPy."""

    @tf.function
    def jacobian(x, t):
        with tf.GradientTape() as tape:
            tape.watch(x)
            velocity = flow.velocity(x, t, label)
        return velocity, tape.batch_jacobian(velocity, x)

    def change(x, t):
        found = jacobian(tf.constant(x, tf.float32), tf.constant(t, tf.float32))
        velocity, matrices = (np.array(each, "float64") for each in found)
        return velocity, np.trace(matrices, axis1=1, axis2=2)

    step, divergence = -1.0 / steps, 0.0
    for number in range(steps):
        t = 1.0 + number * step
        first, of_first = change(x, t)
        last, of_last = change(x + step * first, t + step)
        x = x + step * (first + last) / 2
        divergence = divergence + step * (of_first + of_last) / 2
    return stats.norm.logpdf(x).sum(axis=1) + divergence


def test_hutchinsons_estimate_is_the_trace_in_the_mean():
    flow = numbers_flow(size=3)
    points = np.array([[0.3, -1.0, 0.8], [-0.5, 0.1, 2.0]])
    exact = with_explicit_jacobian(flow, points, steps=5)
    many = np.repeat(points, 2_000, axis=0).astype("float32")
    found = flow.log_likelihood(many, steps=5, seed=3).reshape(2, 2_000)
    deviation = found.std(axis=1, ddof=1)
    assert np.all(deviation > 0.02)  # there is something to average
    assert found.mean(axis=1) == pytest.approx(exact, abs=4 * deviation.max() / np.sqrt(2_000))
    # More draws are averaged, and the first of them is the only one of one draw.
    four = flow.log_likelihood(many, steps=5, draws=4, seed=3).reshape(2, 2_000)
    assert four.std(axis=1, ddof=1) == pytest.approx(deviation / 2, rel=0.1)
    assert not np.allclose(flow.log_likelihood(many, steps=5, seed=4).ravel(), found.ravel())


def test_the_likelihood_of_correlated_gaussians_in_the_mean_over_draws(monkeypatch):
    """v(x, t) = m + (t S - (1 - t)) V^-1 (x - t m), with V = (1 - t)^2 + t^2 S."""
    mean, covariance = np.array([0.5, -1.0]), np.array([[1.0, 0.6], [0.6, 0.8]])

    def velocity(x, t, label=None, guidance=1.0):
        eye, m, s = tf.eye(2), tf.constant(mean, "float32"), tf.constant(covariance, "float32")
        slope = (t * s - (1.0 - t) * eye) @ tf.linalg.inv((1.0 - t) ** 2 * eye + t**2 * s)
        return m + tf.linalg.matmul(x - t * m, slope, transpose_b=True)

    flow = Flow(build_dense_velocity((2,), (4,), 2))
    monkeypatch.setattr(flow, "velocity", velocity)
    truth = stats.multivariate_normal(mean, covariance)
    points = truth.rvs(5, random_state=0)
    found = flow.log_likelihood(points.astype("float32"), draws=400, steps=60)
    assert found == pytest.approx(truth.logpdf(points), abs=0.1)
    samples = flow.generate(20_000, steps=40)
    assert samples.mean(axis=0) == pytest.approx(mean, abs=0.03)
    assert np.cov(samples.T) == pytest.approx(covariance, abs=0.03)


def slope_of_errors(flow, solver, steps):
    """By what power of the number of steps the error falls, for the paths to known quantiles."""
    probabilities = np.linspace(0.05, 0.95, 100)
    noise = stats.norm.ppf(probabilities)[:, None]
    fine = flow.decode(noise, steps=2_000, solver="heun")
    errors = [np.abs(flow.decode(noise, steps=n, solver=solver) - fine).mean() for n in steps]
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


def test_more_steps_converge_as_the_solver_promises(exact):
    assert slope_of_errors(exact, "euler", (50, 100, 200)) == pytest.approx(1.0, abs=0.1)
    assert slope_of_errors(exact, "heun", (50, 100, 200)) == pytest.approx(2.0, abs=0.2)


def test_what_generate_is_told_is_what_it_does():
    flow = shaken(make_flow(steps=3, solver="euler"))
    found = flow.generate(5, seed=3)
    assert np.array_equal(found, flow.generate(5, seed=3, steps=3, solver="euler"))
    for how in ({"steps": 4}, {"solver": "heun"}):
        assert not np.allclose(found, flow.generate(5, seed=3, **how), atol=1e-4)
    with pytest.raises(ValueError, match=r"solver must be one of \['euler', 'heun'\], not 'rk4'"):
        flow.generate(2, solver="rk4")


def test_generate_is_a_function_of_its_seed_and_uses_the_average():
    flow = shaken(make_flow(steps=2))
    first = flow.generate(5, seed=3)
    assert first.shape == (5, *SHAPE)
    assert np.array_equal(first, flow.generate(5, seed=3))
    assert not np.array_equal(first, flow.generate(5, seed=4))
    assert flow.generate(300, seed=3)[:5] == pytest.approx(first, abs=1e-5)  # few begin many
    assert len(np.unique(flow.generate(300, seed=3), axis=0)) == 300
    flow.network.set_weights([w * 0 for w in flow.network.get_weights()])
    assert np.array_equal(first, flow.generate(5, seed=3))
    flow.averaged_network.set_weights([w * 0 for w in flow.averaged_network.get_weights()])
    assert not np.allclose(first, flow.generate(5, seed=3))


@pytest.mark.parametrize("solver", ["heun", "euler"])
@pytest.mark.parametrize("classes", [0, 3])
def test_a_path_goes_from_the_noise_to_what_it_is_decoded_to(solver, classes):
    flow = shaken(make_flow(classes=classes, solver=solver, steps=8, guidance=1.5))
    noise = np.random.default_rng(0).normal(size=(4, 64)).astype("float32")
    labels = np.array([0, 2, 1, 1]) if classes else None
    path = flow.path(noise, labels, points=5)
    assert path.shape == (4, 5, *SHAPE)
    assert np.array_equal(path[:, 0], noise.reshape(4, *SHAPE))
    assert path[:, -1] == pytest.approx(flow.decode(noise, labels), abs=1e-4)
    # Half of the way, by hand: from time 0 to 1 / 2 in 4 steps.
    x, one_hot = noise.reshape(4, *SHAPE), flow.one_hot(labels, 4)
    for number in range(4):
        now, then = tf.constant(number / 8), tf.constant((number + 1) / 8)
        first = np.array(flow.velocity(tf.constant(x), now, one_hot, 1.5))
        if solver == "heun":
            ahead = tf.constant(x + first / 8)
            first = (first + np.array(flow.velocity(ahead, then, one_hot, 1.5))) / 2
        x = x + first / 8
    assert path[:, 2] == pytest.approx(x, abs=1e-4)
    # Steps are rounded up to those that fit.
    same = flow.path(noise, labels, points=5, steps=5)
    assert same[:, -1] == pytest.approx(path[:, -1], abs=1e-4)


def test_guidance_is_a_weight_of_the_label():
    flow = shaken(make_flow(classes=3))
    x, t = random_images(6), tf.constant(0.4)
    label = np.eye(3, dtype="float32")[[0, 1, 2, 2, 1, 0]]
    times = np.full(6, 0.4, "float32")
    given = np.array(flow([x, times, label]))
    free = np.array(flow([x, times, 0 * label]))
    assert np.abs(given - free).max() > 0.01
    for guidance, expected in ((1.0, given), (0.0, free), (3.0, free + 3.0 * (given - free))):
        found = flow.velocity(tf.constant(x), t, tf.constant(label), guidance)
        assert np.array(found) == pytest.approx(expected, abs=1e-4)


def test_samples_are_made_with_the_guidance_of_the_model_or_another():
    flow = shaken(make_flow(classes=3, steps=2))
    labels = np.array([0, 0, 1, 1])

    def made(labels=labels, **how):
        return flow.generate(4, seed=1, labels=labels, **how)

    plain = made()
    assert np.array_equal(plain, made(guidance=1.0))
    assert made(guidance=0) == pytest.approx(made(1 - labels, guidance=0.0), abs=1e-6)
    assert not np.allclose(plain, made(1 - labels), atol=1e-3)
    assert made(guidance=1) == pytest.approx(plain, abs=1e-6)
    strong = made(guidance=3)
    assert np.abs(strong - plain).max() > 0.01
    for same in (3.0, np.int64(3), np.float32(3)):
        assert np.array_equal(strong, made(guidance=same))
    flow.guidance = 3.0
    assert np.array_equal(strong, made())


class Seen:
    """In place of a network: returns zeros, and keeps what it was given."""

    def __call__(self, inputs, training):
        self.x, self.t, *self.label = (np.array(each) for each in inputs)
        self.training = training
        return tf.zeros(self.x.shape)


def seen(flow, x, label=None, **how):
    network = Seen()
    with_generator = keras.random.SeedGenerator(3)
    network.errors = np.array(flow.errors(network, tf.constant(x), label, with_generator, **how))
    return network


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_labels_are_dropped_in_training_only(fraction):
    flow = make_flow(classes=3, label_dropout=fraction)
    x, label = (
        np.zeros((4_000, *SHAPE), "float32"),
        np.eye(3, dtype="float32")[np.arange(4_000) % 3],
    )
    (given,) = seen(flow, x, label, training=True).label
    dropped = np.all(given == 0, axis=1)
    assert np.array_equal(given[~dropped], label[~dropped])
    error = 4 * np.sqrt(fraction * (1 - fraction) / 4_000)
    assert dropped.mean() == pytest.approx(fraction, abs=error + 1e-9)
    for kind in range(3):  # whichever they are
        assert dropped[kind::3].mean() == pytest.approx(fraction, abs=2 * error + 1e-9)
    (given,) = seen(flow, x, label).label
    assert np.array_equal(given, label)


@pytest.mark.parametrize("levels", [2, 256])
def test_noise_fills_the_distance_between_two_levels(levels, monkeypatch):
    monkeypatch.setattr(flow_module, "spread_times", lambda shape, seed: tf.ones(shape))
    flow = shaken(make_flow(levels=levels, steps=2))
    width = 2 / (levels - 1)
    assert flow.level_width == width
    x = -1 + width * np.random.default_rng(0).integers(0, levels, (500, *SHAPE))
    for training in (True, False):
        # At time 1 the network sees the sample itself.
        noise = (seen(flow, x.astype("float32"), training=training).x - x) / width
        assert np.abs(noise).max() == pytest.approx(0.5, abs=0.01)
        assert noise.mean() == pytest.approx(0.0, abs=0.01)
        assert noise.std() == pytest.approx(np.sqrt(1 / 12), abs=0.01)


def test_samples_are_within_the_range_and_black_and_white_if_there_is_nothing_else():
    plain = shaken(make_flow(steps=2)).generate(20)
    assert plain.min() < -1.5 and plain.max() > 1.5
    many = shaken(make_flow(steps=2, levels=256)).generate(20)
    assert many == pytest.approx(plain.clip(-1, 1), abs=1e-6)
    two = shaken(make_flow(steps=2, levels=2)).generate(20)
    assert set(np.unique(two)) == {-1.0, 1.0}
    sure = np.abs(plain) > 1e-4
    assert np.array_equal(two[sure], np.sign(plain)[sure])


def test_times_are_one_in_each_of_n_equal_parts():
    seed, starts = keras.random.SeedGenerator(0), []
    for _ in range(200):
        times = np.array(spread_times((8,), seed))
        assert np.all((times >= 0) & (times < 1))
        assert sorted(np.floor(times * 8).astype(int)) == list(range(8))
        starts.append(times[0])
    assert stats.kstest(starts, "uniform").pvalue > 1e-3  # each is uniform


def linear_flow(rate=0.1, classes=0, **arguments):
    """v(x, t) = 0.5 x - 2 t + 1, and 0.3 times the number of the class, with gradient descent."""
    x, t, label = keras.Input((1,)), keras.Input(()), keras.Input((classes,))
    inputs = [x, t, label] if classes else [x, t]
    column = keras.layers.Reshape((1,))(t)
    both = keras.layers.Concatenate()([x, column, label] if classes else [x, column])
    network = keras.Model(inputs, keras.layers.Dense(1)(both))
    kernel = [0.5, -2.0, *(0.3 * np.arange(classes))]
    network.set_weights([np.array(kernel)[:, None], np.array([1.0])])
    flow = Flow(network, ema_decay=0.75, seed=11, **arguments)
    flow.compile(keras.optimizers.SGD(rate))
    return flow


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("levels", [None, 5])
def test_a_step_is_the_one_worked_out_by_hand(levels, classes):
    flow = linear_flow(classes=classes, levels=levels, label_dropout=0.4)
    data = np.array([[0.5], [-1.0], [1.0], [0.0], [-0.5], [1.0]])
    label = np.eye(3)[[0, 1, 2, 2, 1, 2]][:, :classes]
    seed = keras.random.SeedGenerator(11)
    noise = np.array(keras.random.normal((6, 1), seed=seed))
    x = data
    if levels:
        x = x + 2 / (levels - 1) * (np.array(keras.random.uniform((6, 1), seed=seed)) - 0.5)
    if classes:
        label = label * (np.array(keras.random.uniform((6, 1), seed=seed)) >= 0.4)
        assert 0 < label.sum() < 6
    start = float(keras.random.uniform((), seed=seed))
    t = ((start + np.arange(6) / 6) % 1)[:, None]
    features = np.concatenate([(1 - t) * noise + t * x, t, label], axis=1)
    kernel = np.array([0.5, -2.0, 0.0, 0.3, 0.6])[: 2 + classes, None]
    surplus = features @ kernel + 1.0 - (x - noise)  # of the velocity over that of the line
    new_kernel = kernel - 0.1 * 2 * features.T @ surplus / 6
    new_bias = 1.0 - 0.1 * 2 * surplus.mean()

    batch = [data.astype("float32")] + ([np.eye(3, dtype="float32")[[0, 1, 2, 2, 1, 2]]] if classes
                                        else [])  # fmt: skip
    logs = flow.train_on_batch(*batch, return_dict=True)

    found = flow.network.get_weights()
    assert found[0] == pytest.approx(new_kernel, rel=1e-4, abs=1e-6)
    assert found[1] == pytest.approx(new_bias, rel=1e-4)
    assert logs.keys() == {"loss"}
    assert float(logs["loss"]) == pytest.approx(np.mean(surplus**2), rel=1e-5)
    # The average's decay begins at (1 + 1) / (10 + 1).
    decay = 2 / 11
    averaged = flow.averaged_network.get_weights()[0]
    assert averaged == pytest.approx(decay * kernel + (1 - decay) * new_kernel, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_average_follows_its_formula_over_many_steps(decay):
    flow = linear_flow()
    flow.ema_decay = decay
    expected = [np.array(v, "float64") for v in flow.network.variables]
    for step in range(1, 8):
        flow.train_on_batch(np.random.default_rng(step).normal(size=(8, 1)).astype("float32"))
        now = min(decay, (1 + step) / (10 + step))
        expected = [
            now * e + (1 - now) * np.array(v)
            for e, v in zip(expected, flow.network.variables, strict=True)
        ]
    for average, value in zip(flow.averaged_network.variables, expected, strict=True):
        assert np.array(average) == pytest.approx(value, abs=1e-6)
    if decay == 0.0:
        assert equal(flow.averaged_network.get_weights(), flow.network.get_weights())


def test_validation_judges_the_average_with_all_labels_and_changes_nothing():
    flow = linear_flow(rate=0.0, classes=3, label_dropout=1.0)
    x = np.random.default_rng(0).normal(size=(8, 1)).astype("float32")
    label = np.eye(3, dtype="float32")[np.arange(8) % 3]
    flow.averaged_network.set_weights([w + 1 for w in flow.network.get_weights()])
    before, state = snapshot(flow.network), np.array(flow.seed_generator.state)
    found = float(flow.test_on_batch(x, label, return_dict=True)["loss"])
    assert equal(before, snapshot(flow.network))
    assert np.array_equal(state, flow.seed_generator.state)
    seed = keras.random.SeedGenerator(12)  # of validation
    noise = np.array(keras.random.normal((8, 1), seed=seed))
    t = ((float(keras.random.uniform((), seed=seed)) + np.arange(8) / 8) % 1)[:, None]
    features = np.concatenate([(1 - t) * noise + t * x, t, label], axis=1)
    velocity = features @ np.array([1.5, -1.0, 1.0, 1.3, 1.6])[:, None] + 2.0
    assert found == pytest.approx(np.mean((velocity - (x - noise)) ** 2), rel=1e-5)


def test_losses_are_means_over_samples_whatever_the_batches():
    flow = make_flow()
    images = random_images(20)
    found = flow.evaluate(images, batch_size=8, verbose=0, return_dict=True)["loss"]
    flow.validation_seed_generator.state.assign(keras.random.SeedGenerator(flow.seed + 1).state)
    batches = []
    for part in (images[:8], images[8:16], images[16:]):
        flow.reset_metrics()
        batches.append(float(flow.test_on_batch(part, return_dict=True)["loss"]))
    assert found == pytest.approx(np.average(batches, weights=[8, 8, 4]), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, 3])
def test_a_loaded_flow_goes_on_training_exactly_the_same(classes, tmp_path):
    images, labels = random_images(), np.arange(32) % 3
    data = tf.data.Dataset.from_tensor_slices((images, labels) if classes else images).batch(8)
    how = {"levels": 256, "steps": 4, "solver": "euler", "label_dropout": 0.25}
    if classes:
        how["guidance"] = 2.0
    straight, again = trained_straight_and_in_two(
        lambda: make_flow(classes=classes, **how), data, tmp_path
    )
    assert isinstance(again, Flow) and again.classes == classes
    assert np.array_equal(straight.generate(4, seed=1), again.generate(4, seed=1))
    for name in ("ema_decay", "seed", *how):
        assert getattr(again, name) == getattr(straight, name)
    for model in (straight, again):
        model.evaluate(data, verbose=0)
        model.save(tmp_path / f"{model is again}.keras")
    assert_same_bits(tmp_path / "True.keras", tmp_path / "False.keras")


def functional(*shapes, output=SHAPE):
    inputs = [keras.Input(shape) for shape in shapes]
    flat = [keras.layers.Reshape((-1,))(each) for each in inputs]
    flat = keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    units = int(np.prod(output))
    return keras.Model(inputs, keras.layers.Reshape(output)(keras.layers.Dense(units)(flat)))


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs[0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Flow(functional(SHAPE)), r"takes \[x, t\], or \[x, t, label\]"),
        (lambda: Flow(functional(SHAPE, (1,))), r"takes \(None, 8, 8, 1\) and \(None, 1\)"),
        (lambda: Flow(functional(SHAPE, (), (3,), (2,))), r"`keras.Input\(\(classes,\)\)`"),
        (lambda: Flow(functional(SHAPE, (), ())), r"`keras.Input\(\(\)\)`"),
        (lambda: Flow(Subclassed()), "is functional .* takes unknown inputs"),
        (
            lambda: Flow(functional(SHAPE, (), output=(8, 8, 2))),
            r"the shape of x.* x is \(None, 8, 8, 1\), and the network returns \(None, 8, 8, 2\)",
        ),
        (lambda: make_flow(solver="rk4"), r"one of \['euler', 'heun'\], not 'rk4'"),
        (lambda: make_flow(steps=0), "steps must be at least 1, not 0"),
        (lambda: make_flow(levels=1), "levels must be None or at least 2, not 1"),
        (
            lambda: make_flow(classes=3, label_dropout=1.5),
            "label_dropout must be from 0 to 1, not 1.5",
        ),
        (lambda: make_flow().generate(2, labels=[0, 1]), "takes no labels"),
        (lambda: make_flow(classes=3).path(np.zeros((2, 64))), "needs a label"),
        (lambda: make_flow(classes=3).log_likelihood(random_images(2)), "needs a label"),
        (lambda: make_flow().compile("adam", loss="mse"), "its own loss and metrics"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(make, says):
    with pytest.raises(ValueError, match=says) as raised:
        make()
    assert len(str(raised.value)) < 300 and str(raised.value).isprintable()


def gaussian_flow(levels, mean=0.2, deviation=0.4):
    """An untrained flow, which is that of four independent Gaussian numbers: exact, also J."""
    network = build_dense_velocity((2, 2, 1), (4,), 2, mean=mean, deviation=deviation)
    return Flow(network, levels=levels)


@pytest.mark.parametrize(("levels", "gap"), [(3, 7.0), (9, 0.2), (256, 1e-3)])
def test_the_bound_of_levels_lies_below_their_probability_and_near_if_they_are_narrow(levels, gap):
    flow, width = gaussian_flow(levels), 2 / (levels - 1)
    places = np.random.default_rng(0).integers(levels // 4, levels - levels // 4, (3, 2, 2, 1))
    x = -1 + width * places
    law = stats.norm(0.2, 0.4)
    exact = np.log(law.cdf(x + width / 2) - law.cdf(x - width / 2)).sum(axis=(1, 2, 3))
    u, weights = np.polynomial.legendre.leggauss(20)  # over [-1, 1]
    mean_log = np.tensordot(law.logpdf(x[..., None] + width / 2 * u), weights / 2, axes=1)
    bound = mean_log.sum(axis=(1, 2, 3)) + 4 * np.log(width)
    many = np.repeat(x, 500, axis=0).astype("float32")
    found = dequantized_log_likelihood(flow, many, steps=50, seed=2).reshape(3, 500)
    error = 4 * found.std(axis=1, ddof=1) / np.sqrt(500)
    assert np.all(np.abs(found.mean(axis=1) - bound) < error + 1e-3)
    assert np.all(bound < exact) and np.all(exact - bound < gap)
    assert (exact - bound).max() > gap / 1_000
    other = dequantized_log_likelihood(flow, many[:500], steps=50, seed=3)
    assert not np.array_equal(other, found[0])


def test_the_likelihood_of_a_conditional_flow_is_given_the_label():
    keras.utils.set_random_seed(0)
    flow = shaken(Flow(build_dense_velocity((1,), (8,), 4, classes=2)), 2.0)
    x = np.repeat(GRID[::20], 2)[:, None].astype("float32")
    labels = np.arange(len(x)) % 2
    found = flow.log_likelihood(x, labels, steps=10)
    for kind in range(2):
        label = np.tile(np.eye(2, dtype="float32")[kind], (len(x) // 2, 1))
        expected = with_explicit_jacobian(flow, x[kind::2], 10, label)
        assert found[kind::2] == pytest.approx(expected, abs=1e-3)
    assert np.abs(found[0::2] - found[1::2]).max() > 0.1
