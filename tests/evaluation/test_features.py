"""Feature extractors: the shipped LeNets, what they see, and their files."""

import io
import shutil

import numpy as np
import pytest
import tensorflow as tf

from genai_keras.data.images import load_images
from genai_keras.errors import UserError
from genai_keras.evaluation import features as features_module
from genai_keras.evaluation.features import (
    CHECKSUMS,
    FeatureExtractor,
    LeNetFeatures,
    accepts,
    checksum,
    in_blocks,
    lenet_of,
    load_feature_extractor,
    load_lenet,
    resized,
    save_lenet,
    shipped,
)
from genai_keras.networks.lenet import build_lenet

CLAIMED = {"mnist": 99.41, "fashion_mnist": 91.42}  # percent, as train_lenet printed
ACCEPTED = {"mnist": 99.69, "fashion_mnist": 99.69}  # percent, as train_lenet --detector printed


def random_images(count=6, shape=(28, 28, 1), seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (count, *shape)).astype("float32")


def npy(array):
    """The content of a .npy file."""
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def logits_of(lenet, images):
    return np.array(lenet(images))


@pytest.mark.parametrize("network, weights", [("lenet", 61_706), ("detector", 60_941)])
@pytest.mark.parametrize("dataset", CLAIMED)
def test_the_shipped_files_are_small_and_undamaged(dataset, network, weights):
    path = shipped(dataset, network)
    assert checksum(path) == CHECKSUMS[f"{network}-{dataset}"]
    assert path.stat().st_size < 120_000
    with np.load(path, allow_pickle=False) as file:
        assert {file[name].dtype for name in file.files} == {np.dtype("float16")}
        assert sum(file[name].size for name in file.files) == weights


@pytest.mark.slow
@pytest.mark.parametrize("dataset", CLAIMED)
def test_the_shipped_lenets_are_as_good_as_claimed(dataset, data_dir):
    _, test = load_images(dataset, data_dir, value_range=(0, 1))
    found = load_feature_extractor(dataset).classify(test.first(10_000))
    assert len(found) == 10_000
    assert 100 * np.mean(found == test.labels) == pytest.approx(CLAIMED[dataset], abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ACCEPTED)
def test_the_shipped_detectors_accept_as_many_real_images_as_claimed(dataset, data_dir):
    train, test = load_images(dataset, data_dir, value_range=(0, 1))
    extractor = load_feature_extractor(dataset)
    found = extractor.recognizes(test.first(10_000))
    assert found.shape == (10_000,) and found.dtype == bool
    assert 100 * found.mean() == pytest.approx(ACCEPTED[dataset], abs=0.1)
    # Those that its threshold was chosen on, but it did not learn from.
    assert extractor.recognizes(train.first(60_000)[-10_000:]).mean() >= 0.995


def test_the_lenet_of_mnist_reads_the_digits_of_mnist5k():
    _, validation = load_images("mnist5k", value_range=(0, 1))
    extractor = load_feature_extractor("mnist5k")
    assert extractor.name == "LeNet features"
    assert np.mean(extractor.classify(validation.first(500)) == validation.labels) > 0.98


def test_logits_are_a_linear_function_of_the_features():
    images = random_images(5)
    extractor = load_feature_extractor("mnist")
    features, labels = extractor.look(images)
    assert features.shape == (5, 84) and features.dtype == np.float32
    assert labels.shape == (5,) and labels.dtype == np.int64
    assert np.abs(features).max() <= 1 and features.std() > 0.1
    kernel, bias = extractor.lenet.get_layer("logits").get_weights()
    logits = features @ kernel + bias
    assert logits == pytest.approx(logits_of(extractor.lenet, images), abs=1e-4)
    assert np.array_equal(labels, logits.argmax(axis=1))
    assert np.array_equal(extractor.features(images), features)
    assert np.array_equal(extractor.classify(images), labels)


def test_the_features_are_those_of_the_network_worked_out_by_hand():
    """Convolutions and pooling in NumPy, from the file."""
    images = random_images(2)
    with np.load(shipped("mnist")) as file:
        weights = {name: file[name].astype("float64") for name in file.files}

    def convolved(x, name):
        kernel, bias = weights[f"{name}_kernel"], weights[f"{name}_bias"]
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2))
        x = np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias, 0)
        n, height, width, c = x.shape
        return x.reshape(n, height // 2, 2, width // 2, 2, c).max(axis=(2, 4))

    x = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
    x = convolved(convolved(x, "conv1"), "conv2").reshape(2, 400)
    x = np.maximum(x @ weights["dense_kernel"] + weights["dense_bias"], 0)
    expected = np.tanh(x @ weights["features_kernel"] + weights["features_bias"])
    assert load_feature_extractor("mnist").features(images) == pytest.approx(expected, abs=1e-4)


def test_many_images_are_seen_as_few_are(monkeypatch):
    extractor, images = load_feature_extractor("mnist"), random_images(9)
    whole = extractor.look(images)
    monkeypatch.setattr(features_module, "BLOCK", 4)
    for ours, theirs in zip(extractor.look(images), whole, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)
    features, labels = extractor.look(images[:0])
    assert features.shape == (0, 84) and labels.shape == (0,)
    assert extractor.recognizes(images[:0]).shape == (0,)
    assert LeNetFeatures(build_lenet()).recognizes(images) is None


def test_the_detector_is_asked_of_each_image_and_at_any_size(monkeypatch):
    _, validation = load_images("mnist5k", value_range=(0, 1))
    digits = validation.first(40)
    images = np.concatenate([digits, np.zeros_like(digits), 1 - digits])
    extractor = load_feature_extractor("mnist5k")
    found = extractor.recognizes(images)
    assert extractor.kind == "digits"
    assert found[:40].mean() > 0.9 and not found[40:].any()
    assert np.array_equal(found, (logits_of(extractor.detector, images) >= 0)[:, 0])
    assert np.array_equal(accepts(extractor.detector, images), found)
    monkeypatch.setattr(features_module, "BLOCK", 7)
    assert np.array_equal(extractor.recognizes(images), found)
    large = images.repeat(2, axis=1).repeat(2, axis=2)
    assert np.mean(extractor.recognizes(large) == found) > 0.9


def test_blocks_are_resized_and_joined_in_their_order():
    images, sizes = random_images(9, (8, 6, 2)), []

    def see(part):
        sizes.append(len(part))
        return [part, np.mean(part, axis=(1, 2, 3))]

    found, means = in_blocks(see, images, 4, 4)
    assert sizes == [4, 4, 1]
    assert np.array_equal(found, tf.image.resize(images, (4, 4), antialias=True))
    assert means == pytest.approx(found.mean(axis=(1, 2, 3)), abs=1e-6)
    alone = in_blocks(lambda part: part[..., :1], images, 8, 2)
    assert isinstance(alone, np.ndarray) and alone.shape == (9, 8, 8, 1)
    assert in_blocks(see, images[:0], 4)[0].shape == (0, 4, 4, 2)


def test_an_extractor_has_what_others_ask_it_for():
    plain = FeatureExtractor()
    assert (plain.kind, plain.classes, plain.recognizes(random_images())) == ("images", None, None)
    lenet = load_feature_extractor("fashion_mnist")
    assert (lenet.kind, lenet.classes, lenet.name) == ("clothes", 10, "LeNet features")


def test_a_lenet_is_for_grey_images_of_its_data_set():
    assert lenet_of("mnist5k") == lenet_of("mnist", 1) == "mnist"
    assert lenet_of("fashion_mnist", 1) == "fashion_mnist"
    assert lenet_of("mnist5k", 3) is lenet_of("cifar10", 1) is lenet_of("folder") is None


def test_images_of_any_size_are_resized():
    _, validation = load_images("mnist5k", value_range=(0, 1))
    images, labels = validation.first(100), validation.labels[:100]
    extractor = load_feature_extractor("mnist")
    large = images.repeat(2, axis=1).repeat(3, axis=2)  # (100, 56, 84, 1)
    assert np.mean(extractor.classify(large) == labels) > 0.95
    features = extractor.features(images)
    assert np.abs(extractor.features(large) - features).mean() < 0.1 * np.abs(features).mean()
    # Every fourth column is white: each small pixel is a mean over all, not a look between them.
    stripes = np.zeros((1, 112, 112, 1), "float32")
    stripes[:, :, ::4] = 1
    assert resized(stripes, 28).numpy()[:, :, 2:-2] == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize(
    "images, words",
    [
        (np.zeros((2, 28, 28, 3)), r"grey, \(n, height, width, 1\), not \(2, 28, 28, 3\)"),
        (np.zeros((28, 28)), r"not \(28, 28\)"),
        (np.full((2, 28, 28, 1), -1.0), r"in \[0, 1\], not from -1"),
        (np.full((2, 28, 28, 1), 255, "uint8"), r"in \[0, 1\]"),
        (np.full((2, 28, 28, 1), np.nan), r"in \[0, 1\]"),
    ],
    ids=["colour", "one", "gan", "bytes", "nan"],
)
def test_what_is_no_grey_image_is_refused(images, words):
    with pytest.raises(ValueError, match=words):
        LeNetFeatures(build_lenet()).look(images)
    with pytest.raises(ValueError, match=words):
        LeNetFeatures(build_lenet(), detector=build_lenet(1)).recognizes(images)


def test_other_data_have_no_lenet():
    with pytest.raises(UserError, match=r"for cifar10: use one of mnist5k, mnist, fashion_mnist"):
        load_feature_extractor("cifar10")


@pytest.mark.parametrize("name", ["lenet-mnist.npz", "detector-mnist.npz"])
def test_a_damaged_file_names_itself_and_the_command_that_makes_it(name, tmp_path, monkeypatch):
    for network in ("lenet", "detector"):
        shutil.copy(shipped("mnist", network), tmp_path)
    monkeypatch.setattr(features_module, "FOLDER", tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    load_feature_extractor("mnist")
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # a byte that no reader looks at
    for state in ("damaged", "missing"):
        with pytest.raises(UserError) as failure:
            load_feature_extractor("mnist5k")
        assert f"{path} is {state}" in str(failure.value)
        assert "genai_keras.train_lenet" in str(failure.value)
        path.unlink(missing_ok=True)


def test_what_is_no_lenet_is_named(tmp_path):
    path = tmp_path / "lenet.npz"
    save_lenet(build_lenet(), path)
    content = path.read_bytes()
    with np.load(path) as file:
        weights = dict(file)
    path.write_bytes(content[: len(content) // 2])
    others = [None, {}, {**weights, "more": np.zeros(1)}, np.zeros(3)]
    others += [{**weights, "conv1_kernel": np.zeros((5, 5, 1, 7))}]
    others += [{**weights, "conv1_kernel": np.array([{}])}]  # would have to be unpickled
    for other in others:
        if isinstance(other, dict):
            np.savez(path, **other)
        elif other is not None:  # a single array, as in a .npy file
            path.write_bytes(npy(other))
        with pytest.raises(UserError, match=r"lenet\.npz does not contain the weights of a LeNet"):
            load_lenet(path)


def test_a_file_holds_the_weights_rounded_and_equal_ones_give_equal_bytes(tmp_path):
    ours = build_lenet(classes=3, seed=1)
    for name in ("a.npz", "b.npz"):
        save_lenet(ours, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = load_lenet(tmp_path / "a.npz")
    for weight, other in zip(ours.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(weight.astype("float16").astype("float32"), other)
    images = random_images()
    assert logits_of(again, images) == pytest.approx(logits_of(ours, images), abs=5e-3)
