"""The public API as an engineer meets it: own networks, own data, and a sentence for each slip."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import genai_keras
from genai_keras import GAN, VAE, Flow
from genai_keras.models.inputs import prepared

SHAPE = (8, 8, 1)
rng = np.random.default_rng(0)
GREY = rng.uniform(0, 1, (32, *SHAPE)).astype("float32")
BINARY = np.round(GREY)
SIGNED = GREY * 2 - 1
BYTES = np.round(GREY * 255).astype("uint8")
LABELS = np.arange(32) % 3
ONE_HOT = np.eye(3, dtype="float32")[LABELS]


@keras.saving.register_keras_serializable(package="test_public_api")
class OwnGenerator(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="relu")
        self.pixels = layers.Dense(64, activation="tanh")

    def call(self, noise):
        return keras.ops.reshape(self.pixels(self.hidden(noise)), (-1, *SHAPE))


@keras.saving.register_keras_serializable(package="test_public_api")
class OwnDiscriminator(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flat, self.logit = layers.Flatten(), layers.Dense(1)

    def call(self, images):
        return self.logit(self.flat(images))


def sequential(*stack, inputs=None):
    return keras.Sequential(([keras.Input(inputs)] if inputs else []) + list(stack))


def generator(inputs=(5,), shape=SHAPE, activation="tanh"):
    size = int(np.prod(shape))
    return sequential(layers.Dense(size, activation), layers.Reshape(shape), inputs=inputs)


def discriminator(inputs=SHAPE, activation=None):
    return sequential(layers.Flatten(), layers.Dense(1, activation), inputs=inputs)


def conditional(shape_in, shape_out, activation=None):
    """A functional network with a label beside its input."""
    x, label = keras.Input(shape_in), keras.Input((3,))
    both = layers.Concatenate()([layers.Flatten()(x), label])
    y = layers.Dense(int(np.prod(shape_out)), activation)(both)
    return keras.Model([x, label], layers.Reshape(shape_out)(y))


def encoder(shape=SHAPE, latent_dim=2):
    x = keras.Input(shape)
    flat = layers.Flatten()(x)
    return keras.Model(x, [layers.Dense(latent_dim)(flat), layers.Dense(latent_dim)(flat)])


def decoder(shape=SHAPE, latent_dim=2, activation=None):
    return generator((latent_dim,), shape, activation)


def velocity(shape=SHAPE, classes=0):
    """The functional network of a flow."""
    inputs = [keras.Input(shape), keras.Input(())] + [keras.Input((classes,))] * bool(classes)
    flat = [layers.Reshape((-1,))(each) for each in inputs]
    y = layers.Dense(int(np.prod(shape)))(layers.Concatenate()(flat))
    return keras.Model(inputs, layers.Reshape(shape)(y))


def gan(*networks, **arguments):
    model = GAN(*(networks or (generator(), discriminator())), **arguments)
    model.compile("adam", "adam")
    return model


def vae(likelihood="bernoulli", outputs=1):
    model = VAE(encoder(), decoder((*SHAPE[:2], outputs)), likelihood)
    model.compile("adam")
    return model


def flow(**arguments):
    model = Flow(velocity(**arguments), steps=2)
    model.compile("adam")
    return model


def conditional_gan():
    return gan(conditional((5,), SHAPE, "tanh"), conditional(SHAPE, (1,)))


def conditional_flow():
    return flow(classes=3)


def dataset(*arrays, batch=8):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(batch)


def test_optimizers_may_be_named():
    model = gan()
    assert model.generator_optimizer is not model.discriminator_optimizer
    assert isinstance(model.generator_optimizer, keras.optimizers.Adam)


def test_one_optimizer_cannot_train_both():
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="each needs its own: make two, or give names"):
        gan().compile(adam, adam)


@pytest.mark.parametrize("name", ["loss", "metrics"])
def test_there_is_no_other_loss(name):
    with pytest.raises(ValueError, match=f"its own loss and metrics: leave `{name}` out"):
        gan().compile("adam", "adam", **{name: "mse"})
    with pytest.raises(ValueError, match=f"its own loss and metrics: leave `{name}` out"):
        vae().compile("adam", **{name: "mse"})
    for model in (vae(), flow()):
        with pytest.raises(ValueError, match="leave `loss` out"):
            model.compile("adam", "mse")


@pytest.mark.parametrize(
    "make",
    [
        lambda: gan(OwnGenerator(), OwnDiscriminator(), latent_dim=5),
        lambda: gan(OwnGenerator(), discriminator(), latent_dim=5),
        lambda: gan(generator(None), discriminator(None), latent_dim=5),
        lambda: gan(generator(), OwnDiscriminator()),
        lambda: gan(conditional((5,), SHAPE, "tanh"), conditional(SHAPE, (1,))),
    ],
    ids=["subclassed", "subclassed generator", "unbuilt", "subclassed discriminator", "functional"],
)
def test_networks_of_every_kind_train_and_come_back(make, tmp_path):
    model = make()
    labels = LABELS if model.classes else None
    model.fit(SIGNED, labels, batch_size=8, verbose=0, shuffle=False)
    model.save(tmp_path / "gan.keras")
    again = genai_keras.load_model(tmp_path / "gan.keras")
    assert again.latent_dim == 5 and again.sample_shape == SHAPE
    for each in (model, again):
        each.fit(SIGNED, labels, batch_size=8, verbose=0, shuffle=False)
    assert np.array_equal(model.generate(3), again.generate(3))
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_vae_of_unbuilt_and_subclassed_networks_trains_and_comes_back(tmp_path):
    @keras.saving.register_keras_serializable(package="test_public_api")
    class OwnEncoder(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.flat, self.mean, self.log_variance = (
                layers.Flatten(), layers.Dense(2), layers.Dense(2),
            )  # fmt: skip

        def call(self, images):
            flat = self.flat(images)
            return self.mean(flat), self.log_variance(flat)

    model = VAE(OwnEncoder(), generator(None, activation=None), latent_dim=2)
    model.compile("adam")
    model.fit(BINARY, batch_size=8, verbose=0, shuffle=False)
    model.save(tmp_path / "vae.keras")
    again = genai_keras.load_model(tmp_path / "vae.keras")
    for each in (model, again):
        each.fit(BINARY, batch_size=8, verbose=0, shuffle=False)
    assert np.array_equal(model.reconstruct(BINARY), again.reconstruct(BINARY))


@pytest.mark.parametrize("make", [flow, conditional_flow])
def test_a_flow_of_an_own_network_trains_and_comes_back(make, tmp_path):
    model = make()
    labels = LABELS if model.classes else None
    model.fit(BYTES, labels, batch_size=8, verbose=0, shuffle=False)
    model.save(tmp_path / "flow.keras")
    again = genai_keras.load_model(tmp_path / "flow.keras")
    assert again.latent_dim == 64 and again.sample_shape == SHAPE
    for each in (model, again):
        each.fit(BYTES, labels, batch_size=8, verbose=0, shuffle=False)
    assert np.array_equal(model.generate(3), again.generate(3))
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


class NoConfig(OwnGenerator):
    def get_config(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GAN(OwnGenerator(), discriminator()), "subclassed generator .* pass `latent_dim`"),
        (lambda: GAN(generator(), discriminator(), latent_dim=9), "is 9, .* takes 5 numbers"),
        (lambda: GAN(NoConfig(), discriminator(), latent_dim=5), "NoConfig .* a `get_config`"),
        (lambda: GAN(generator(), discriminator(activation="sigmoid")), "leave the sigmoid out"),
        (
            lambda: GAN(generator(), sequential(discriminator(), layers.Activation("sigmoid"),
                                                inputs=SHAPE)),
            "the discriminator ends in a sigmoid",
        ),
        (lambda: GAN(generator(), discriminator((9, 8, 1))), r"\(8, 8, 1\), .* takes \(9, 8, 1\)"),
        (
            lambda: GAN(conditional((5,), SHAPE), discriminator()),
            "labels of 3 classes, but the discriminator of 0",
        ),
        (lambda: VAE(encoder(), decoder(latent_dim=3)), r"two outputs of shape \(3,\)"),
        (lambda: VAE(discriminator(), decoder()), r"a mean and a log-variance.* returns \(1,\)"),
        (lambda: VAE(encoder(), decoder(activation="sigmoid")), "used as logits: leave"),
        (
            lambda: VAE(encoder(), decoder((8, 8, 2), activation="sigmoid"), "logistic"),
            "used as locations and log-scales: leave",
        ),
        (
            lambda: VAE(encoder((8, 8, 3)), decoder((8, 8, 3)), "logistic"),
            r'likelihood="logistic" .* \(8, 8, 6\) for images of \(8, 8, 3\), 2 for each channel',
        ),
        (lambda: VAE(encoder((64,)), decoder((64,))), "begin, and the decoder end, with a Reshape"),
        (
            lambda: VAE(encoder(), conditional((2,), SHAPE)),
            "encoder takes labels of 0 classes, but the decoder of 3",
        ),
        (lambda: VAE(OwnGenerator(), OwnGenerator()), "subclassed decoder .* `latent_dim`"),
    ],
)  # fmt: skip
def test_networks_that_do_not_fit_are_refused(make, words):
    with pytest.raises(ValueError, match=words) as raised:
        make()
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("make", "data", "words"),
    [
        (gan, (GREY * 255,), r"in \[-1, 1\].*images / 127.5 - 1"),
        (gan, (BYTES.astype("int32"),), "must be uint8 or float32, not int32"),
        (gan, (BINARY.astype("uint8"),), "no values above 1.* make them float32"),
        (gan, (GREY[..., 0],), r"images\[..., np.newaxis\]"),
        (gan, (GREY[:, 1:],), r"\(None, 8, 8, 1\), not \(32, 7, 8, 1\)"),
        (gan, (tf.data.Dataset.from_tensor_slices(SIGNED),), r"dataset.batch\(64\)"),
        (gan, (dataset(SIGNED).map(lambda x: {"image": x}),), "dictionaries: make them pairs"),
        (vae, (SIGNED,), r"in \[0, 1\].*\(images \+ 1\) / 2"),
        (vae, (GREY * 255,), "images / 255"),
        (vae, (dataset(GREY),), r"bernoulli.* these are grey.*likelihood=\"logistic\""),
        (vae, (BYTES,), "these are grey"),
        (conditional_gan, (SIGNED,), "conditional: it needs labels"),
        (conditional_gan, (SIGNED, LABELS + 1), r"integers from 0 to 2.* in \[1, 3\]"),
        (conditional_gan, (SIGNED, LABELS * 1.0), "labels must be integers .* float64"),
        (conditional_gan, (SIGNED, np.eye(4)[LABELS]), r"one-hot of shape \(batch, 3\)"),
        (flow, (GREY * 255,), r"the Flow takes images in \[-1, 1\].*images / 127.5 - 1"),
        (flow, (BYTES.astype("int32"),), "must be uint8 or float32, not int32"),
        (flow, (GREY[..., 0],), r"images\[..., np.newaxis\]"),
        (conditional_flow, (SIGNED,), "this Flow is conditional: it needs labels"),
        (conditional_flow, (SIGNED, LABELS + 1), r"integers from 0 to 2.* in \[1, 3\]"),
    ],
)
def test_data_that_do_not_fit_are_refused(make, data, words):
    for call in (make().fit, make().evaluate):
        with pytest.raises(ValueError, match=words) as raised:
            call(*data, verbose=0)
        assert len(str(raised.value)) < 300
    with pytest.raises(ValueError, match=words):
        good = (BINARY if isinstance(make(), VAE) else SIGNED, LABELS)
        make().fit(*good, verbose=0, validation_data=data if len(data) > 1 else data[0])


@pytest.mark.parametrize("make", [conditional_gan, conditional_flow])
def test_a_later_label_that_is_none_is_not_taken_for_no_class(make):
    labels = np.where(np.arange(32) > 20, 3, 0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        make().fit(dataset(SIGNED, labels), verbose=0, shuffle=False)


@pytest.mark.parametrize("make", [gan, flow])
def test_images_that_leave_half_of_the_range_empty_are_remarked_on(make):
    with pytest.warns(UserWarning, match=r"images \* 2 - 1"):
        prepared(make(), GREY)


def test_bytes_become_the_models_range():
    for model, low in ((gan(), -1), (flow(), -1), (vae("logistic", 2), 0)):
        expected = BYTES / 255.0 * (1 - low) + low
        x, y = prepared(model, BYTES)
        assert x.dtype == "float32" and y is None and x == pytest.approx(expected, abs=1e-6)
        found = np.concatenate([each for (each,) in prepared(model, dataset(BYTES))[0]])
        assert np.array_equal(found, x)
        batches = (BYTES[start : start + 8] for start in range(0, 32, 8))
        found = np.concatenate([each for (each,) in prepared(model, batches)[0]])
        assert np.array_equal(found, x)


@pytest.mark.parametrize("make", [conditional_gan, conditional_flow])
@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], ONE_HOT, ONE_HOT.astype(int)])
def test_labels_may_be_integers_or_one_hot(labels, make):
    model = make()
    x, y = prepared(model, SIGNED, labels)
    assert np.array_equal(x, SIGNED) and np.array_equal(y, ONE_HOT) and y.dtype == "float32"
    for x, y in prepared(model, dataset(SIGNED, labels))[0].take(1):
        assert np.array_equal(x, SIGNED[:8]) and np.array_equal(y, ONE_HOT[:8])
    pairs = dataset(SIGNED, labels)
    model.fit(pairs, verbose=0, shuffle=False, validation_data=(SIGNED, labels))


@pytest.mark.parametrize("make", [gan, flow])
def test_an_unconditional_model_leaves_labels_out(make):
    alone, beside = make(), make()
    beside.set_weights(alone.get_weights())
    alone.fit(dataset(SIGNED), verbose=0, shuffle=False)
    pairs = dataset(SIGNED, LABELS)
    beside.fit(pairs, verbose=0, shuffle=False, validation_data=pairs)
    assert np.array_equal(alone.generate(2), beside.generate(2))
    vae().fit(BINARY, LABELS, verbose=0, validation_split=0.5)
    vae().evaluate((BINARY, LABELS), verbose=0)


def test_what_fits_is_passed_on_as_it_is():
    for model, data in (
        (gan(), (SIGNED, None)),
        (gan(), (dataset(SIGNED), None)),
        (vae(), (BINARY, None)),
        (conditional_gan(), (SIGNED, ONE_HOT)),
        (conditional_flow(), (SIGNED, ONE_HOT)),
        (conditional_gan(), (dataset(SIGNED, ONE_HOT), None)),
    ):
        x, y = prepared(model, *data)
        assert x is data[0] and y is data[1]


def test_no_batch_of_a_generator_is_lost():
    batches = [SIGNED[:8], SIGNED[8:16]]
    found = list(prepared(gan(), (each for each in batches))[0])
    assert len(found) == 2 and all(a is b for a, b in zip(found, batches, strict=True))
    once = iter(batches)
    spec = tf.TensorSpec((None, *SHAPE))
    data = tf.data.Dataset.from_generator(lambda: once, output_signature=spec)
    assert len(list(prepared(gan(), data)[0])) == 2


def test_a_sequence_that_does_not_fit_says_what_it_must_return():
    class Bytes(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return BYTES

    with pytest.raises(ValueError, match=r"Bytes must return float32 images in \[-1, 1\]"):
        gan().fit(Bytes(), verbose=0)


def test_other_samples_than_images_may_be_any_numbers():
    model = gan(generator(shape=(1,), activation=None), discriminator((1,)))
    model.fit(rng.normal(0, 50, (32, 1)), verbose=0)
    flow(shape=(1,)).fit(rng.normal(0, 50, (32, 1)), verbose=0)


def test_an_unknown_class_is_named_in_few_words(tmp_path):
    path = tmp_path / "gan.keras"
    gan(OwnGenerator(), discriminator(), latent_dim=5).save(path)
    registered = keras.saving.get_custom_objects()
    name = "test_public_api>OwnGenerator"
    cls = registered.pop(name)
    try:
        module, OwnGenerator.__module__ = OwnGenerator.__module__, "gone"
        import json
        import zipfile

        with zipfile.ZipFile(path) as archive:
            parts = {each: archive.read(each) for each in archive.namelist()}
        config = json.dumps(json.loads(parts["config.json"])).replace(module, "elsewhere")
        with zipfile.ZipFile(path, "w") as archive:
            for each, data in {**parts, "config.json": config}.items():
                archive.writestr(each, data)
        with pytest.raises(ValueError, match="unknown class OwnGenerator") as raised:
            genai_keras.load_model(path)
    finally:
        OwnGenerator.__module__ = module
        registered[name] = cls
    assert len(str(raised.value)) < 400


def test_a_damaged_file_is_named_in_few_words(tmp_path):
    path = tmp_path / "gan.keras"
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"gan\.keras cannot be loaded: File is not a zip"):
        genai_keras.load_model(path)
    with pytest.raises(ValueError, match=r"cannot be loaded: .*No such file"):
        genai_keras.load_model(tmp_path / "none.keras")


GAN_SCRIPT = """
import keras, numpy as np, genai_keras
from keras import layers
images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), "uint8")
generator = keras.Sequential(
    [keras.Input((5,)), layers.Dense(64, "tanh"), layers.Reshape((8, 8, 1))])
discriminator = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])
model = genai_keras.GAN(generator, discriminator)
model.compile("adam", "adam")
model.fit(images, epochs=1, verbose=0)
model.save("model.keras")
"""
VAE_SCRIPT = """
import keras, numpy as np, genai_keras
from keras import layers
images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), "uint8")
x = keras.Input((8, 8, 1))
flat = layers.Flatten()(x)
encoder = keras.Model(x, [layers.Dense(2)(flat), layers.Dense(2)(flat)])
decoder = keras.Sequential([keras.Input((2,)), layers.Dense(128), layers.Reshape((8, 8, 2))])
model = genai_keras.VAE(encoder, decoder, likelihood="logistic")
model.compile("adam")
model.fit(images, epochs=1, verbose=0)
model.save("model.keras")
"""
FLOW_SCRIPT = """
import keras, numpy as np, genai_keras
from keras import layers
images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), "uint8")
x, t = keras.Input((8, 8, 1)), keras.Input(())
both = layers.Concatenate()([layers.Flatten()(x), layers.Reshape((1,))(t)])
network = keras.Model([x, t], layers.Reshape((8, 8, 1))(layers.Dense(64)(both)))
model = genai_keras.Flow(network)
model.compile("adam")
model.fit(images, epochs=1, verbose=0)
model.save("model.keras")
"""
GO_ON = """
import numpy as np, genai_keras
assert not genai_keras.__file__.startswith({checkout!r}), genai_keras.__file__
model = genai_keras.load_model("model.keras")
model.fit(np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), "uint8"), epochs=1, verbose=0)
assert model.generate(3).shape == (3, 8, 8, 1)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package in it, as its wheel installs it."""
    folder = tmp_path_factory.mktemp("wheel")
    root = Path(__file__).parents[1]
    source = folder / "source"  # building writes beside what is built
    source.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    shutil.copytree(root / "genai_keras", source / "genai_keras")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    built = subprocess.run(
        [*pip, "wheel", *options, "--wheel-dir", folder, source], capture_output=True, text=True
    )
    if built.returncode:
        pytest.skip(f"no wheel can be built here: {built.stderr.strip()[-200:]}")
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--quiet", "--target", folder / "site", wheel],
                   check=True)  # fmt: skip
    return folder / "site"


@pytest.mark.slow
def test_in_fewer_than_15_lines_a_model_is_made_and_another_process_goes_on(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    scripts = {"gan": GAN_SCRIPT, "vae": VAE_SCRIPT, "flow": FLOW_SCRIPT}
    assert all(len(script.strip().splitlines()) < 15 for script in scripts.values())
    go_on = GO_ON.format(checkout=str(Path(__file__).parents[1]))
    for codes in (scripts, dict.fromkeys(scripts, go_on)):  # each in a process of its own
        code = "import os\n" + "".join(
            f"os.makedirs({name!r}, exist_ok=True)\nos.chdir({name!r})\n{lines}os.chdir('..')\n"
            for name, lines in codes.items()
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
