"""Conditional models: what a label does in the data, the networks, the GAN and the VAE."""

import keras
import numpy as np
import pytest
from helpers import assert_same_bits, trained_straight_and_in_two

from genai_keras.data.images import load_images
from genai_keras.errors import UserError
from genai_keras.evaluation.likelihood import importance_weighted_log_likelihood
from genai_keras.models.gan import GAN
from genai_keras.models.noise import classes_of
from genai_keras.models.vae import VAE
from genai_keras.networks import conv_vae, dcgan, dense

SHAPE = (8, 8, 1)
# Three images that share no white pixel: bars at the left, in the middle and at the right.
KINDS = np.zeros((3, *SHAPE), "float32")
for kind, columns in enumerate((slice(0, 2), slice(3, 5), slice(6, 8))):
    KINDS[kind, :, columns] = 1.0


def make_gan(network="dense"):
    keras.utils.set_random_seed(0)
    if network == "dcgan":
        networks = (
            dcgan.build_dcgan_generator(4, SHAPE, (8, 8), classes=3),
            dcgan.build_dcgan_discriminator(SHAPE, (8, 8), classes=3, dense_units=0),
        )
    else:
        networks = (
            dense.build_dense_generator(4, SHAPE, (32,), normalize=True, classes=3),
            dense.build_dense_discriminator(SHAPE, (32,), classes=3),
        )
    gan = GAN(*networks, ema_decay=0.9)
    gan.compile(*(keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in range(2)))
    return gan


def make_vae(network="dense"):
    keras.utils.set_random_seed(0)
    if network == "conv":
        networks = (
            conv_vae.build_conv_encoder(SHAPE, 2, (4, 4), 8, classes=3),
            conv_vae.build_conv_decoder(2, SHAPE, 1, (4, 4), 8, classes=3),
        )
    else:
        networks = (
            dense.build_dense_encoder(SHAPE, 2, (16,), classes=3),
            dense.build_dense_decoder(2, SHAPE, (16,), classes=3),
        )
    vae = VAE(*networks)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


def pairs(count=480, low=0.0):
    """Images of the three kinds, shifted to `low`..1, and their one-hot labels, in batches."""
    import tensorflow as tf

    labels = np.arange(count) % 3
    images = KINDS[labels] * (1 - low) + low
    return tf.data.Dataset.from_tensor_slices((images, np.eye(3, dtype="float32")[labels])).batch(
        48
    )


@pytest.mark.parametrize("dataset", ["mnist5k", "mnist", "fashion_mnist"])
@pytest.mark.parametrize("binarize", [False, True])
def test_each_image_is_dealt_with_its_own_label(dataset, binarize, data_dir):
    """The label of a image is known from the whole set, in order."""
    plain, _ = load_images(dataset, data_dir, value_range=(0, 1), limit=3_000)
    known = {
        (each > 0.5).tobytes(): label
        for each, label in zip(plain.first(3_000), plain.labels, strict=True)
    }
    train, validation = load_images(
        dataset, data_dir, value_range=(0, 1), limit=3_000, binarize=binarize, conditional=True
    )
    for images, labels in train.shuffled(7).take(5).as_numpy_iterator():
        assert labels.shape == (64, 10) and np.all(labels.sum(axis=1) == 1)
        if binarize:
            assert set(np.unique(images)) == {0.0, 1.0}
            continue
        found = [known[(each > 0.5).tobytes()] for each in images]
        assert found == list(labels.argmax(axis=1))
    images, labels = next(validation.in_order().as_numpy_iterator())
    assert np.array_equal(labels.argmax(axis=1), validation.labels[: len(labels)])
    assert np.array_equal(images, validation.first(len(images)))


def test_real_labels_belong_to_real_digits(data_dir):
    with np.load(data_dir / "mnist.npz") as file:
        expected = {x.tobytes(): y for x, y in zip(file["x_train"], file["y_train"], strict=True)}
    for dataset in ("mnist5k", "mnist"):
        train, _ = load_images(dataset, data_dir, value_range=(0, 1), limit=500)
        digits = np.round(train.first(500) * 255).astype("uint8")
        assert [expected[each.tobytes()] for each in digits[..., 0]] == list(train.labels)


@pytest.mark.parametrize(
    "dataset, words", [("photos", "photos has none here"), ("folder", "has no subfolders")]
)
def test_what_has_no_labels_cannot_be_conditioned_on(dataset, words, tmp_path):
    from PIL import Image

    for value in range(4):
        Image.new("L", (8, 8), value).save(tmp_path / f"{value}.png")
    with pytest.raises(UserError, match=words):
        load_images(dataset, tmp_path, conditional=True)


def test_labels_that_do_not_fit_are_named(tmp_path):
    images = np.zeros((4, 8, 8), "uint8")
    for labels, words in (
        (np.zeros(3, "uint8"), "3 labels for 4"),
        ([0, 1, 2, 10], "not an integer from 0 to 9"),
    ):
        np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images)
        with pytest.raises(UserError, match=words):
            load_images("mnist", tmp_path)


@pytest.mark.parametrize("units", [0, 5])
def test_the_projection_discriminator_adds_the_product_with_the_class(units):
    network = dcgan.build_dcgan_discriminator(SHAPE, (4, 6), classes=3, dense_units=units)
    x = np.random.default_rng(0).normal(size=(5, *SHAPE)).astype("float32")
    labels = np.array([0, 1, 2, 1, 0])
    kind = keras.layers.LeakyReLU if units else keras.layers.Flatten
    before = [each for each in network.layers if isinstance(each, kind)][-1]
    features = keras.Model(network.inputs[0], before.output).predict(x, verbose=0)
    last = [each for each in network.layers if isinstance(each, keras.layers.Dense)]
    last = [each for each in last if each.units == 1 or each.kernel.shape[0] == 3]
    (of_class,), (unconditional, bias) = sorted((each.get_weights() for each in last), key=len)
    expected = features @ unconditional[:, 0] + bias
    expected += np.sum(features * of_class[labels], axis=1)
    found = network.predict([x, np.eye(3)[labels]], verbose=0)[:, 0]
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "dcgan"])
def test_a_conditional_gan_makes_what_it_is_asked_for(network):
    gan = make_gan(network)
    # Twice as long as four seeds took to agree entirely, with oneDNN and without.
    gan.fit(pairs(low=-1.0), epochs=80, verbose=0, shuffle=False)
    for kind in range(3):
        made = (gan.generate(50, seed=1, labels=np.full(50, kind)) + 1) / 2
        likeness = [np.mean(np.abs(made - each), axis=(1, 2, 3)) for each in KINDS]
        assert np.mean(np.argmin(likeness, axis=0) == kind) > 0.9


@pytest.mark.slow
def test_a_label_saves_a_conditional_vae_the_nats_that_it_tells():
    """The label determines the image: log p(x | label) can rise to 0, log p(x) to -log 3."""
    vae = make_vae()
    vae.fit(pairs(), epochs=40, verbose=0, shuffle=False)
    found = importance_weighted_log_likelihood(vae, KINDS, 200, labels=np.arange(3)).mean()
    assert -0.1 < found <= 1e-3
    wrong = importance_weighted_log_likelihood(vae, KINDS, 200, labels=np.array([1, 2, 0])).mean()
    assert wrong < -10
    made = np.round(vae.generate(30, labels=np.arange(30) % 3))
    assert np.mean(made == KINDS[np.arange(30) % 3]) > 0.99
    row = vae.interpolate(KINDS[1], KINDS[1], steps=4, label=1)
    assert np.round(row) == pytest.approx(np.stack([KINDS[1]] * 4))
    assert np.round(vae([KINDS, np.eye(3)])) == pytest.approx(KINDS)


@pytest.mark.parametrize("make", [make_gan, make_vae])
def test_classes_come_in_turn_and_wrong_labels_are_named(make):
    model = make()
    assert model.classes == classes_of(model.decoder if make is make_vae else model.generator) == 3
    in_turn = model.generate(7, seed=2)
    asked = model.generate(7, seed=2, labels=[0, 1, 2, 0, 1, 2, 0])
    assert np.array_equal(in_turn, asked)
    assert not np.array_equal(asked, model.generate(7, seed=2, labels=[1] * 7))
    many = model.generate(300, seed=2)
    assert many[251:257] == pytest.approx(model.generate(257, seed=2)[251:], abs=1e-6)
    for labels in ([3] * 7, [-1] * 7, [0.5] * 7, [0] * 6):
        with pytest.raises(ValueError, match="labels must be 7 integers from 0 to 2"):
            model.generate(7, labels=labels)
    with pytest.raises(ValueError, match="needs a label"):
        model.decode(np.zeros((2, model.latent_dim)))


def test_a_model_without_labels_says_so():
    networks = dense.build_dense_encoder(SHAPE, 2, (4,)), dense.build_dense_decoder(2, SHAPE, (4,))
    with pytest.raises(ValueError, match="not trained to be `conditional`"):
        VAE(*networks).generate(2, labels=[0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "make, network", [(make_gan, "dcgan"), (make_vae, "conv")], ids=["gan", "vae"]
)
def test_a_conditional_model_comes_back_and_goes_on_bit_for_bit(make, network, tmp_path):
    low = -1.0 if make is make_gan else 0.0
    straight, again = trained_straight_and_in_two(lambda: make(network), pairs(96, low), tmp_path)
    assert again.classes == 3
    assert np.array_equal(straight.generate(9, seed=1), again.generate(9, seed=1))
    assert_same_bits(tmp_path / "straight.keras", tmp_path / "again.keras")
