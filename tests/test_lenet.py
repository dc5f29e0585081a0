"""The ruler: the shipped classifiers, what they see, their files, the command that made them."""

import shutil

import numpy as np
import pytest

from genai_keras.data.images import load_images
from genai_keras.errors import UserError
from genai_keras.evaluation import lenet as lenets
from genai_keras.evaluation.lenet import (
    CHECKSUMS,
    Ruler,
    build_lenet,
    checksum,
    load_lenet,
    load_ruler,
    save_lenet,
    shifted,
    shipped,
    train_lenet,
)
from genai_keras.train_lenet import main

CLAIMED = {"mnist": 99.41, "fashion_mnist": 91.42}  # percent, as train_lenet printed


def random_images(count=6, shape=(28, 28, 1), seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (count, *shape)).astype("float32")


def logits_of(lenet, images):
    return np.array(lenet(images))


@pytest.mark.parametrize("dataset", CLAIMED)
def test_the_shipped_files_are_small_and_undamaged(dataset):
    assert checksum(shipped(dataset)) == CHECKSUMS[dataset]
    assert shipped(dataset).stat().st_size < 300_000
    with np.load(shipped(dataset), allow_pickle=False) as file:
        assert {file[name].dtype for name in file.files} == {np.dtype("float16")}
        assert sum(file[name].size for name in file.files) == 61_706


@pytest.mark.slow
@pytest.mark.parametrize("dataset", CLAIMED)
def test_the_shipped_lenets_are_as_good_as_claimed(dataset, data_dir):
    _, test = load_images(dataset, data_dir, low=0.0)
    found = load_ruler(dataset).classify(test.first(10_000))
    assert len(found) == 10_000
    assert 100 * np.mean(found == test.labels) == pytest.approx(CLAIMED[dataset], abs=0.1)


def test_the_ruler_of_mnist_reads_the_digits_of_mnist5k():
    _, validation = load_images("mnist5k", low=0.0)
    ruler = load_ruler("mnist5k")
    assert ruler.name == "LeNet features"
    assert np.mean(ruler.classify(validation.first(500)) == validation.labels) > 0.98


def test_logits_are_a_linear_function_of_the_features():
    images = random_images(5)
    ruler = load_ruler("mnist")
    features, labels = ruler.look(images)
    assert features.shape == (5, 84) and features.dtype == np.float32
    assert labels.shape == (5,) and labels.dtype == np.int64
    assert np.abs(features).max() <= 1 and features.std() > 0.1
    kernel, bias = ruler.lenet.get_layer("logits").get_weights()
    logits = features @ kernel + bias
    assert logits == pytest.approx(logits_of(ruler.lenet, images), abs=1e-4)
    assert np.array_equal(labels, logits.argmax(axis=1))
    assert np.array_equal(ruler.features(images), features)
    assert np.array_equal(ruler.classify(images), labels)


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
    assert load_ruler("mnist").features(images) == pytest.approx(expected, abs=1e-4)


def test_many_pictures_are_seen_as_few_are(monkeypatch):
    ruler, images = load_ruler("mnist"), random_images(9)
    whole = ruler.look(images)
    monkeypatch.setattr(lenets, "BLOCK", 4)
    for ours, theirs in zip(ruler.look(images), whole, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)
    features, labels = ruler.look(images[:0])
    assert features.shape == (0, 84) and labels.shape == (0,)


def test_pictures_of_any_size_are_resized():
    _, validation = load_images("mnist5k", low=0.0)
    images, labels = validation.first(100), validation.labels[:100]
    ruler = load_ruler("mnist")
    large = images.repeat(2, axis=1).repeat(3, axis=2)  # (100, 56, 84, 1)
    assert np.mean(ruler.classify(large) == labels) > 0.95
    features = ruler.features(images)
    assert np.abs(ruler.features(large) - features).mean() < 0.1 * np.abs(features).mean()
    # Every fourth column is white: each small pixel is a mean over all, not a look between them.
    stripes = np.zeros((1, 112, 112, 1), "float32")
    stripes[:, :, ::4] = 1
    assert lenets.resized(stripes)[:, :, 2:-2] == pytest.approx(0.25, abs=0.1)


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
def test_what_is_no_grey_picture_is_refused(images, words):
    with pytest.raises(ValueError, match=words):
        Ruler(build_lenet()).look(images)


def test_other_data_have_no_ruler():
    with pytest.raises(UserError, match=r"for cifar10: use one of mnist, mnist5k, fashion_mnist"):
        load_ruler("cifar10")


def test_a_damaged_file_names_itself_and_the_command_that_makes_it(tmp_path, monkeypatch):
    shutil.copy(shipped("mnist"), tmp_path)
    monkeypatch.setattr(lenets, "FOLDER", tmp_path)
    path = tmp_path / "lenet-mnist.npz"
    content = path.read_bytes()
    load_ruler("mnist")
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # a byte that no reader looks at
    for state in ("damaged", "absent"):
        with pytest.raises(UserError) as failure:
            load_ruler("mnist5k")
        assert f"{path} is {state}" in str(failure.value)
        assert "python -m genai_keras.train_lenet --dataset mnist " in str(failure.value)
        path.unlink(missing_ok=True)


def test_what_is_no_lenet_is_named(tmp_path):
    path = tmp_path / "lenet.npz"
    save_lenet(build_lenet(), path)
    content = path.read_bytes()
    with np.load(path) as file:
        weights = dict(file)
    path.write_bytes(content[: len(content) // 2])
    others = [None, {}, {**weights, "more": np.zeros(1)}]
    others += [{**weights, "conv1_kernel": np.zeros((5, 5, 1, 7))}]
    others += [{**weights, "conv1_kernel": np.array([{}])}]  # would have to be unpickled
    for other in others:
        if other is not None:
            np.savez(path, **other)
        with pytest.raises(UserError, match=r"lenet\.npz is not the weights of a LeNet"):
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


def test_a_seed_decides_the_weights_and_all_layers_differ():
    first, again, other = (build_lenet(seed=seed).get_weights() for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a, b)
        assert a.ndim == 1 or not np.array_equal(a, c)
    scaled = [kernel.ravel()[:50] / np.abs(kernel).max() for kernel in first if kernel.ndim > 1]
    for number, kernel in enumerate(scaled):
        assert all(abs(np.corrcoef(kernel, each)[0, 1]) < 0.6 for each in scaled[number + 1 :])


def test_shifted_pictures_are_the_same_pictures_elsewhere():
    images = random_images(200, (6, 5, 1))
    moved = shifted(images, 1, [0, 7]).numpy()
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    seen = set()
    for picture, source in zip(moved, padded, strict=True):
        places = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(picture, source[y : y + 6, x : x + 5])
        ]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) == 9
    assert np.array_equal(moved, shifted(images, 1, [0, 7]))
    assert not np.array_equal(moved, shifted(images, 1, [0, 8]))
    assert not np.array_equal(moved, shifted(images, 1, [1, 7]))


@pytest.mark.slow
def test_training_repeats_itself_and_depends_on_the_seed():
    images, labels = random_images(40), np.arange(40) % 10
    first, again, other = (
        train_lenet(images, labels, seed=seed, steps=3).get_weights() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    still = train_lenet(images, labels, seed=2, steps=1, learning_rate=1e-9).get_weights()
    for weight, start in zip(still, build_lenet(seed=2).get_weights(), strict=True):
        assert weight == pytest.approx(start, abs=1e-6)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"epochs": 1}, "either epochs or steps"),
        ({"steps": None}, "either epochs or steps"),
        ({"labels": np.arange(10)}, "20 integers from 0 to 9"),
        ({"labels": np.arange(20)}, "20 integers from 0 to 9"),
        ({"images": random_images(20, (14, 14, 1))}, r"must be \(n, 28, 28, 1\)"),
        ({"images": random_images(0)}, r"must be \(n, 28, 28, 1\)"),
    ],
)
def test_what_cannot_be_learnt_is_named(change, words):
    given = {"images": random_images(20), "labels": np.arange(20) % 10, "steps": 1}
    with pytest.raises(ValueError, match=words):
        train_lenet(**{**given, **change})


@pytest.fixture
def few_of_mnist(tmp_path):
    """A folder with 200 real digits for training and 100 for testing, as `mnist`."""
    train, test = load_images("mnist5k", low=0.0, limit=200)
    np.savez(
        tmp_path / "mnist.npz",
        x_train=np.round(train.first(200)[..., 0] * 255).astype("uint8"),
        y_train=train.labels,
        x_test=np.round(test.first(100)[..., 0] * 255).astype("uint8"),
        y_test=test.labels[:100],
    )
    return tmp_path


@pytest.mark.slow
def test_the_command_writes_what_it_measured(few_of_mnist, capsys):
    def run(name, seed=0):
        argv = ["--data-dir", str(few_of_mnist), "--out", str(few_of_mnist / name)]
        assert main([*argv, "--epochs", "3", "--seed", str(seed), "--verbose", "0"]) == 0
        return (few_of_mnist / name).read_bytes()

    first = run("a.npz")
    printed = capsys.readouterr().out
    again, other = run("b.npz"), run("c.npz", seed=1)
    assert first == again != other
    assert checksum(few_of_mnist / "a.npz") in printed
    assert f"{len(first):,} bytes" in printed
    train, test = load_images("mnist", few_of_mnist, low=0.0)
    images = test.first(100)
    loaded = load_lenet(few_of_mnist / "a.npz")
    accuracy = 100 * np.mean(logits_of(loaded, images).argmax(axis=1) == test.labels)
    assert f"accuracy  {accuracy:.2f} % of 100 test pictures" in printed
    trained = train_lenet(train.first(200), train.labels, epochs=3, seed=0)
    assert logits_of(loaded, images) == pytest.approx(logits_of(trained, images), abs=0.01)


def test_the_command_fails_before_it_trains(few_of_mnist, tmp_path, capsys):
    argv = ["--data-dir", str(few_of_mnist), "--out"]
    assert main([*argv, str(tmp_path / "none" / "lenet.npz")]) == 1
    assert "none is no folder" in capsys.readouterr().err
    with np.load(few_of_mnist / "mnist.npz") as file:
        parts = {name: file[name] for name in ("x_train", "x_test")}
    np.savez(few_of_mnist / "mnist.npz", **parts)
    assert main([*argv, str(tmp_path / "lenet.npz")]) == 1
    assert "mnist has no labels here" in capsys.readouterr().err
    assert main(["--dataset", "cifar10"]) == 2


@pytest.mark.slow
def test_one_epoch_of_all_of_mnist_is_enough_for_97_percent(data_dir, tmp_path, capsys):
    argv = ["--data-dir", str(data_dir), "--out", str(tmp_path / "lenet.npz")]
    assert main([*argv, "--epochs", "1", "--verbose", "0"]) == 0
    accuracy = float(capsys.readouterr().out.split("accuracy")[1].split("%")[0])
    assert 97 < accuracy <= 100
