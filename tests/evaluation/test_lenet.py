"""The LeNet as a network, its training, and the command that made the shipped ones."""

import numpy as np
import pytest

from genai_keras.data.images import load_images
from genai_keras.evaluation import outliers
from genai_keras.evaluation.features import accepts, checksum, load_lenet, save_lenet
from genai_keras.evaluation.lenet_training import shifted, train_detector, train_lenet
from genai_keras.networks.lenet import build_lenet
from genai_keras.train_lenet import main


def random_images(count=6, shape=(28, 28, 1), seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (count, *shape)).astype("float32")


def logits_of(lenet, images):
    return np.array(lenet(images))


def test_a_seed_decides_the_weights_and_all_layers_differ():
    first, again, other = (build_lenet(seed=seed).get_weights() for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a, b)
        assert a.ndim == 1 or not np.array_equal(a, c)
    scaled = [kernel.ravel()[:50] / np.abs(kernel).max() for kernel in first if kernel.ndim > 1]
    for number, kernel in enumerate(scaled):
        assert all(abs(np.corrcoef(kernel, each)[0, 1]) < 0.6 for each in scaled[number + 1 :])


def test_shifted_images_are_the_same_images_elsewhere():
    images = random_images(200, (6, 5, 1))
    moved = shifted(images, 1, [0, 7]).numpy()
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    seen = set()
    for image, source in zip(moved, padded, strict=True):
        places = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(image, source[y : y + 6, x : x + 5])
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


@pytest.mark.slow
def test_a_detector_learns_to_tell_digits_from_others_and_rejects_few_that_it_never_saw(tmp_path):
    train, validation = load_images("mnist5k", value_range=(0, 1))
    images = train.first(4_500)
    save_lenet(train_detector(images, epochs=2), tmp_path / "detector.npz")
    detector = load_lenet(tmp_path / "detector.npz")
    held_out, unseen = accepts(detector, images[-750:]), validation.first(500)
    assert 1 <= np.sum(~held_out) <= 3  # 0.4 % of 750, and at most 0.5 %
    rng = np.random.default_rng(1)
    noise = outliers.noise(unseen[..., 0], rng)[..., None].clip(0, 1)
    assert accepts(detector, unseen).mean() > 0.97
    assert accepts(detector, noise).mean() < 0.5
    assert accepts(detector, 1 - unseen).mean() < 0.1


@pytest.mark.slow
def test_a_detector_repeats_itself_depends_on_the_seed_and_tells_how_it_goes(capsys):
    images = random_images(120)
    first, again, other = (
        train_detector(images, epochs=2, seed=seed, verbose=seed).get_weights()
        for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert capsys.readouterr().out.count("epoch") == 2


@pytest.mark.parametrize("shape, count", [((28, 28, 1), 99), ((14, 14, 1), 100)])
def test_what_a_detector_cannot_learn_is_named(shape, count):
    with pytest.raises(ValueError, match=r"must be \(n, 28, 28, 1\), n >= 100, not"):
        train_detector(random_images(count, shape))


@pytest.fixture
def few_of_mnist(tmp_path):
    """A folder with 200 real digits for training and 100 for testing, as `mnist`."""
    train, test = load_images("mnist5k", value_range=(0, 1), limit=200)
    np.savez(
        tmp_path / "mnist.npz",
        x_train=np.round(train.first(200)[..., 0] * 255).astype("uint8"),
        y_train=train.labels,
        x_test=np.round(test.first(100)[..., 0] * 255).astype("uint8"),
        y_test=test.labels[:100],
    )
    return tmp_path


def without_labels(path):
    with np.load(path) as file:
        parts = {name: file[name] for name in ("x_train", "x_test")}
    np.savez(path, **parts)


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
    train, test = load_images("mnist", few_of_mnist, value_range=(0, 1))
    images = test.first(100)
    loaded = load_lenet(few_of_mnist / "a.npz")
    accuracy = 100 * np.mean(logits_of(loaded, images).argmax(axis=1) == test.labels)
    assert f"accuracy  {accuracy:.2f} % of 100 test images" in printed
    trained = train_lenet(train.first(200), train.labels, epochs=3, seed=0)
    assert logits_of(loaded, images) == pytest.approx(logits_of(trained, images), abs=0.01)


@pytest.mark.slow
def test_the_command_trains_a_detector_and_says_how_many_real_images_it_accepts(
    few_of_mnist, capsys
):
    without_labels(few_of_mnist / "mnist.npz")  # it needs none
    path = few_of_mnist / "detector.npz"
    argv = ["--data-dir", str(few_of_mnist), "--out", str(path), "--detector"]
    assert main([*argv, "--epochs", "1", "--verbose", "0"]) == 0
    printed = capsys.readouterr().out
    _, test = load_images("mnist", few_of_mnist, value_range=(0, 1))
    accepted = 100 * np.mean(logits_of(load_lenet(path), test.first(100)) >= 0)
    assert f"accepted  {accepted:.2f} % of 100 test images" in printed
    assert checksum(path) in printed


def test_the_command_fails_before_it_trains(few_of_mnist, tmp_path, capsys):
    argv = ["--data-dir", str(few_of_mnist), "--out"]
    assert main([*argv, str(tmp_path / "none" / "lenet.npz")]) == 1
    assert "none is not a folder" in capsys.readouterr().err
    without_labels(few_of_mnist / "mnist.npz")
    assert main([*argv, str(tmp_path / "lenet.npz")]) == 1
    assert "mnist has no labels here" in capsys.readouterr().err
    assert main(["--dataset", "cifar10"]) == 2


@pytest.mark.slow
def test_one_epoch_of_all_of_mnist_is_enough_for_97_percent(data_dir, tmp_path, capsys):
    argv = ["--data-dir", str(data_dir), "--out", str(tmp_path / "lenet.npz")]
    assert main([*argv, "--epochs", "1", "--verbose", "0"]) == 0
    accuracy = float(capsys.readouterr().out.split("accuracy")[1].split("%")[0])
    assert 97 < accuracy <= 100
