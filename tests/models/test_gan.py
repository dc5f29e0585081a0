"""The GAN's training step against one worked out by hand, and the laws it must keep."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_same_bits, equal, make_gan, random_images, snapshot

from genai_keras.models.gan import GAN


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def flat(network):
    return np.concatenate([weight.ravel() for weight in network.get_weights()])


def linear_gan(generator_rate, discriminator_rate, smoothing=0.0, instance_noise=0.0):
    """G(z) = 0.5 z + 1 and D(x) = 2 x - 0.3 as logit, with plain gradient descent."""
    noise = keras.Input((1,))
    generator = keras.Model(noise, keras.layers.Dense(1)(noise))
    generator.set_weights([np.array([[0.5]]), np.array([1.0])])
    sample = keras.Input((1,))
    discriminator = keras.Model(sample, keras.layers.Dense(1)(sample))
    discriminator.set_weights([np.array([[2.0]]), np.array([-0.3])])
    gan = GAN(generator, discriminator, 0.75, instance_noise, seed=11)
    gan.compile(
        keras.optimizers.SGD(generator_rate),
        keras.optimizers.SGD(discriminator_rate),
        label_smoothing=smoothing,
    )
    return gan


@pytest.mark.parametrize(
    ("smoothing", "instance_noise"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.7), (0.1, 0.3)]
)
def test_a_step_is_the_one_worked_out_by_hand(smoothing, instance_noise):
    gan = linear_gan(0.1, 0.2, smoothing, instance_noise)
    real = np.array([[0.3], [-1.0], [2.0], [0.7]])
    seed = keras.random.SeedGenerator(11)
    z, of_real, of_fake = (np.array(keras.random.normal((4, 1), seed=seed)) for _ in range(3))
    c, d, a, b = 0.5, 1.0, 2.0, -0.3
    # What the discriminator sees.
    x, fake = real + instance_noise * of_real, c * z + d + instance_noise * of_fake
    real_logit, fake_logit = a * x + b, a * fake + b
    # d softplus(l) / dl = sigmoid(l); real samples' target is 1 - smoothing, fakes' is 0.
    real_slope, fake_slope = sigmoid(real_logit) - (1 - smoothing), sigmoid(fake_logit)
    new_a = a - 0.2 * np.mean(real_slope * x + fake_slope * fake)
    new_b = b - 0.2 * np.mean(real_slope + fake_slope)
    # The generator's gradient comes through the discriminator as it was before this step.
    through = (sigmoid(fake_logit) - 1) * a
    new_c = c - 0.1 * np.mean(through * z)
    new_d = d - 0.1 * np.mean(through)

    logs = gan.train_on_batch(real.astype("float32"), return_dict=True)

    assert flat(gan.discriminator) == pytest.approx([new_a, new_b], rel=1e-5)
    assert flat(gan.generator) == pytest.approx([new_c, new_d], rel=1e-5)
    # The average's decay begins at (1 + 1) / (10 + 1).
    decay = 2 / 11
    averaged = [decay * c + (1 - decay) * new_c, decay * d + (1 - decay) * new_d]
    assert flat(gan.averaged_generator) == pytest.approx(averaged, rel=1e-5)
    expected = {
        "generator_loss": np.mean(np.log1p(np.exp(-fake_logit))),
        "discriminator_loss": np.mean(
            (1 - smoothing) * np.log1p(np.exp(-real_logit))
            + smoothing * np.log1p(np.exp(real_logit))
        )
        + np.mean(np.log1p(np.exp(fake_logit))),
        "d_real": np.mean(sigmoid(real_logit)),
        "d_fake": np.mean(sigmoid(fake_logit)),
        "accuracy_real": np.mean(real_logit > 0),
        "accuracy_fake": np.mean(fake_logit <= 0),
    }
    assert {name: float(value) for name, value in logs.items()} == pytest.approx(expected, rel=1e-5)


def test_each_networks_update_leaves_the_other_alone():
    x = np.ones((4, 1), "float32")
    for generator_rate, discriminator_rate in ((0.0, 0.5), (0.5, 0.0)):
        gan = linear_gan(generator_rate, discriminator_rate)
        before = gan.generator.get_weights(), gan.discriminator.get_weights()
        gan.train_on_batch(x)
        assert equal(gan.generator.get_weights(), before[0]) == (generator_rate == 0)
        assert equal(gan.discriminator.get_weights(), before[1]) == (discriminator_rate == 0)


def test_a_perfect_discriminator_has_the_losses_worked_out_by_hand():
    """Real samples are 9, fakes about -9, and D(x) = sigmoid(x): both logits are known."""
    noise = keras.Input((1,))
    generator = keras.Model(noise, keras.layers.Dense(1)(noise))
    generator.set_weights([np.array([[0.0]]), np.array([-9.0])])
    sample = keras.Input((1,))
    discriminator = keras.Model(sample, keras.layers.Dense(1)(sample))
    discriminator.set_weights([np.array([[1.0]]), np.array([0.0])])
    gan = GAN(generator, discriminator)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    logs = gan.train_on_batch(np.full((8, 1), 9.0, "float32"), return_dict=True)
    small = np.log1p(np.exp(-9.0))
    assert float(logs["discriminator_loss"]) == pytest.approx(2 * small, rel=1e-4)
    assert float(logs["generator_loss"]) == pytest.approx(9.0 + small, rel=1e-6)
    assert float(logs["accuracy_real"]) == float(logs["accuracy_fake"]) == 1.0


def test_the_generator_runs_once_a_step():
    gan = make_gan()
    calls = []
    call = gan.generator.call
    gan.generator.call = lambda *args, **kwargs: calls.append(1) or call(*args, **kwargs)
    gan.compile(gan.generator_optimizer, gan.discriminator_optimizer, run_eagerly=True)
    gan.train_on_batch(random_images(4))
    assert len(calls) == 1


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_average_follows_its_formula_over_many_steps(decay):
    gan = make_gan("dcgan")
    gan.ema_decay = decay
    expected = [np.array(v, "float64") for v in gan.generator.variables]
    for step in range(1, 8):
        gan.train_on_batch(random_images(8, seed=step))
        now = min(decay, (1 + step) / (10 + step))
        expected = [
            now * e + (1 - now) * np.array(v)
            for e, v in zip(expected, gan.generator.variables, strict=True)
        ]
    for average, value in zip(gan.averaged_generator.variables, expected, strict=True):
        assert np.array(average) == pytest.approx(value, abs=1e-6), average.path
    if decay == 0.0:
        assert equal(gan.averaged_generator.get_weights(), gan.generator.get_weights())


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "dcgan"])
def test_validation_changes_nothing_that_training_uses(network):
    images = random_images()
    gan, other = make_gan(network), make_gan(network)
    gan.fit(images, batch_size=8, verbose=0, shuffle=False)
    other.fit(images, batch_size=8, verbose=0, shuffle=False)
    other.evaluate(random_images(seed=5), batch_size=8, verbose=0)
    for model in (gan, other):
        model.fit(images, batch_size=8, verbose=0, shuffle=False)
    for name in ("generator", "discriminator", "averaged_generator"):
        assert equal(getattr(gan, name).get_weights(), getattr(other, name).get_weights())


def test_validation_uses_the_average_and_the_batchs_own_statistics():
    """With the average equal to the generator, both steps see the same: same noise, same losses."""
    gan = make_gan("dcgan", rate=1e-30)
    gan.averaged_generator.set_weights(gan.generator.get_weights())
    gan.validation_seed_generator.state.assign(gan.seed_generator.state)
    # Inference normalizes fakes by running statistics; give it those of this very batch.
    images = random_images(8)
    z = keras.random.normal((8, 4), seed=keras.random.SeedGenerator(0))
    for layer in gan.generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    gan.generator(z, training=True)
    gan.averaged_generator.set_weights(gan.generator.get_weights())
    tested = gan.test_on_batch(images, return_dict=True)
    gan.reset_metrics()
    trained = gan.train_on_batch(images, return_dict=True)
    for name, value in trained.items():
        assert float(tested[name]) == pytest.approx(float(value), rel=2e-3), name


def test_validation_judges_the_average_and_not_the_generator():
    gan = make_gan()
    state = np.array(gan.validation_seed_generator.state)

    def tested():
        gan.validation_seed_generator.state.assign(state)
        gan.reset_metrics()
        return float(gan.test_on_batch(random_images(8), return_dict=True)["generator_loss"])

    before = tested()
    gan.generator.set_weights([w * 0 for w in gan.generator.get_weights()])
    assert tested() == before
    gan.averaged_generator.set_weights([w * 0 for w in gan.averaged_generator.get_weights()])
    assert tested() != before


def test_losses_are_means_over_samples_whatever_the_batches():
    gan = make_gan()
    images = random_images(20)
    found = gan.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    gan.validation_seed_generator.state.assign(keras.random.SeedGenerator(gan.seed + 1).state)
    batches = []
    for part in (images[:8], images[8:16], images[16:]):
        gan.reset_metrics()
        logs = gan.test_on_batch(part, return_dict=True)
        batches.append([float(logs["generator_loss"]), float(logs["discriminator_loss"])])
    expected = np.average(batches, axis=0, weights=[8, 8, 4])
    assert [found["generator_loss"], found["discriminator_loss"]] == pytest.approx(
        list(expected), rel=1e-5
    )


def test_generate_is_a_function_of_its_seed_and_uses_the_average():
    gan = make_gan()
    first = gan.generate(5, seed=3)
    assert first.shape == (5, 8, 8, 1)
    assert np.array_equal(first, gan.generate(5, seed=3))
    assert not np.array_equal(first, gan.generate(5, seed=4))
    assert gan.generate(600, seed=3)[:5] == pytest.approx(first, abs=1e-6)  # few begin many
    assert len(np.unique(gan.generate(600, seed=3), axis=0)) == 600  # no part is another's copy
    assert len(gan.generate(2, seed=2**32 - 2)) == 2
    gan.generator.set_weights([w * 0 for w in gan.generator.get_weights()])
    assert np.array_equal(first, gan.generate(5, seed=3))
    gan.averaged_generator.set_weights([w * 0 for w in gan.averaged_generator.get_weights()])
    assert not np.array_equal(first, gan.generate(5, seed=3))


@pytest.mark.slow
def test_same_seed_same_run_other_seed_other_run():
    images = random_images()
    runs = []
    for seed in (0, 0, 1):
        gan = make_gan("dcgan", seed=seed)
        gan.fit(images, batch_size=8, epochs=2, verbose=0, shuffle=False)
        runs.append(snapshot(gan))
    assert equal(runs[0], runs[1]) and not equal(runs[0], runs[2])


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "dcgan"])
def test_a_loaded_model_goes_on_training_exactly_the_same(network, tmp_path):
    images = random_images()
    gan = make_gan(network, label_smoothing=0.1)
    gan.fit(images, batch_size=8, epochs=2, verbose=0, shuffle=False)
    gan.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, GAN)
    assert np.array_equal(loaded.generate(4, seed=1), gan.generate(4, seed=1))
    for model, name in ((gan, "straight.keras"), (loaded, "loaded.keras")):
        model.fit(images, batch_size=8, epochs=2, verbose=0, shuffle=False)
        model.evaluate(images, batch_size=8, verbose=0)
        model.save(tmp_path / name)
    assert_same_bits(tmp_path / "straight.keras", tmp_path / "loaded.keras")
    assert (loaded.name, loaded.ema_decay, loaded.seed) == (gan.name, gan.ema_decay, gan.seed)
    assert loaded.get_compile_config() == gan.get_compile_config()


def test_the_file_holds_everything_that_training_needs(tmp_path):
    from helpers import saved_arrays

    gan = make_gan()
    gan.fit(random_images(), batch_size=8, verbose=0)
    gan.save(tmp_path / "model.keras")
    arrays = saved_arrays(tmp_path / "model.keras")

    def held(variable):
        value = np.array(variable)
        return any(a.shape == value.shape and np.array_equal(a, value) for a in arrays.values())

    needed = [
        *gan.generator.variables,
        *gan.discriminator.variables,
        *gan.averaged_generator.variables,
        *gan.generator_optimizer.variables,
        *gan.discriminator_optimizer.variables,
        gan.seed_generator.state,
        gan.validation_seed_generator.state,
    ]
    assert len(needed) > 30
    assert [v.path for v in needed if not held(v)] == []


def test_dropouts_random_state_is_saved_too(tmp_path):
    """A network with Dropout, which no preset has: its seed generator must travel as well."""
    sample = keras.Input((8, 8, 1))
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(sample))
    discriminator = keras.Model(sample, keras.layers.Dense(1)(x))
    gan = GAN(make_gan().generator, discriminator)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    images = random_images()
    gan.fit(images, batch_size=8, verbose=0, shuffle=False)
    gan.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for model in (gan, loaded):
        model.fit(images, batch_size=8, verbose=0, shuffle=False)
    assert equal(gan.discriminator.get_weights(), loaded.discriminator.get_weights())


def test_the_generator_exports_and_serves_the_same_images(tmp_path):
    gan = make_gan("dcgan")
    gan.averaged_generator.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    noise = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    assert np.array(served.serve(noise)) == pytest.approx(
        np.array(gan(noise)), abs=1e-6
    )  # call uses the average


def test_instance_noise_has_the_type_of_the_samples():
    gan = linear_gan(0.1, 0.1, instance_noise=0.5)
    for dtype in ("float64", "bfloat16"):
        logits = gan._logits(tf.zeros((2, 1), dtype), None, gan._noise)
        assert np.isfinite(np.array(logits, "float32")).all()
