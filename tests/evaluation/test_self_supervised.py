"""Self-supervised features see known corruptions, in the order of their strength."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from genai_keras.data.batches import Batches
from genai_keras.evaluation import self_supervised
from genai_keras.evaluation.distances import frechet_distance
from genai_keras.evaluation.images import score_images
from genai_keras.evaluation.self_supervised import (
    blurred,
    change,
    features_of,
    key_of,
    load,
    shuffled,
    train_features,
)

COUNT = 400
MODES = 8


def shapes(count, seed, modes=range(MODES)):
    """Coloured shapes on coloured grounds: four outlines, plain or with fine stripes."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32]
    x, y = rng.uniform(12, 20, (2, count, 1, 1))
    radius = rng.uniform(6, 11, (count, 1, 1))
    right, down = columns - x, rows - y
    most, least = np.maximum(abs(right), abs(down)), np.minimum(abs(right), abs(down))
    outlines = np.stack(
        [
            np.hypot(right, down) < radius,
            most < 0.9 * radius,
            (abs(down) < radius) & (abs(right) < (down + radius) / 2),
            (most < radius) & (least < radius / 3),
        ],
        axis=1,
    )
    mode = rng.choice(modes, count)
    inside = outlines[np.arange(count), mode % 4, ..., None]  # (count, 32, 32, 1)
    shape, ground = rng.uniform(0.2, 0.8, (2, count, 1, 1, 3))
    stripes = np.where(columns // 2 % 2, 0.2, -0.2)[..., None]  # their mean is 0
    shape = shape + stripes * (mode >= 4)[:, None, None, None]
    return np.where(inside, shape, ground).astype("float32")


def batches(images):
    pixels = tf.constant(images)
    fetch = lambda indices: tf.gather(pixels, indices)  # noqa: E731
    return Batches(fetch, len(images), images.shape[1:], min(64, len(images)))


def noisy(images, deviation):
    noise = np.random.default_rng(5).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, 1).astype("float32")


def in_disorder(images, strength):
    return shuffled(images, np.full(len(images), strength, "float32"), [7, 7]).numpy()


CORRUPTIONS = {
    "blur": ((0.5, 1, 2, 4), lambda x, sigma: ndimage.gaussian_filter(x, (0, sigma, sigma, 0))),
    "noise": ((0.05, 0.1, 0.2, 0.4), noisy),
    "disorder": ((0.2, 0.5, 1), in_disorder),
    "dropped modes": ((2, 3, 4), lambda x, n: shapes(len(x), 3, range(MODES - n))),
}


@pytest.fixture(scope="module")
def training():
    return shapes(COUNT, 0)


@pytest.fixture(scope="module")
def extractor(training):
    return train_features(batches(training), steps=200)


@pytest.fixture(scope="module")
def hardly_trained():
    return train_features(batches(shapes(8, 0)), steps=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_frechet_distance_rises_with_the_strength_of_each_corruption(extractor, name):
    strengths, corrupt = CORRUPTIONS[name]
    clean, (reference, _) = shapes(COUNT, 1), extractor.look(shapes(COUNT, 2))
    samples = [clean, *(corrupt(clean, strength) for strength in strengths)]
    found = [frechet_distance(extractor.look(each)[0], reference) for each in samples]
    assert found == sorted(found) and len({*found}) == len(found)
    assert found[1] > 1.15 * found[0]  # the weakest one is seen, too


@pytest.mark.slow
def test_the_features_of_the_training_images_are_standardized(extractor, training):
    features, labels = extractor.look(training)
    assert labels is None and features.shape == (COUNT, 64) and features.dtype == np.float32
    assert features.mean(axis=0) == pytest.approx(0, abs=1e-3)
    assert features.std(axis=0) == pytest.approx(1, abs=1e-3)  # no feature is lost


@pytest.mark.slow
def test_copies_are_seen_by_their_nearest_training_images_only(extractor, training):
    order = np.random.default_rng(0).permutation(COUNT)
    samples = {"copies": training[order], "new": shapes(COUNT, 1)}
    found = {
        name: score_images(each, shapes(COUNT, 2), training, extractor)[0]
        for name, each in samples.items()
    }
    rows = {name: {row.name: row for row in each} for name, each in found.items()}
    copies, new = (rows[name]["nearest_training"] for name in ("copies", "new"))
    # Up to rounding, which depends on an image's place in its batch.
    assert abs(copies.figure.value) < 1e-6 < 0.8 * new.real_data < new.figure.value
    assert "100 % are as near as the nearest 1 %" in copies.meaning
    said = int(new.meaning.split("memorizing: ")[1].split(" %")[0])
    assert said <= 5
    distance = {name: each["frechet_distance"].figure.value for name, each in rows.items()}
    assert distance["copies"] < 1.5 * distance["new"]


def test_equal_seeds_give_equal_features_and_others_do_not():
    images = shapes(60, 0)
    found = [
        train_features(batches(images), steps=3, seed=seed).look(images[:10])[0]
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).mean() > 0.1


@pytest.mark.parametrize("shape", [(8, 8, 1), (40, 24, 3)])
def test_few_images_of_any_size_are_enough(shape):
    """20 images, of which the corruptions are told from the clean ones."""
    rng = np.random.default_rng(0)
    shades = rng.uniform(0, 1, (420, shape[0] // 4, shape[1] // 4, shape[2]))
    images = shades.repeat(4, axis=1).repeat(4, axis=2).astype("float32")
    training, reference, clean = np.split(images, [20, 220])
    extractor = train_features(batches(training), steps=60)
    real, ours, noise = (extractor.look(each)[0] for each in (reference, clean, noisy(clean, 0.5)))
    assert np.isfinite(real).all()
    assert frechet_distance(noise, real) > 1.5 * frechet_distance(ours, real)
    assert extractor.look(clean[:0])[0].shape == (0, 64)


def test_a_blur_is_scipys_and_each_image_has_its_own():
    images = shapes(3, 0)
    deviations = np.array([0, 0.7, 4], "float32")
    found = blurred(images, deviations).numpy()
    assert found[0] == pytest.approx(images[0], abs=1e-6)
    for image, deviation, ours in list(zip(images, deviations, found, strict=True))[1:]:
        sigma = (deviation, deviation, 0)
        sums, weights = (
            ndimage.gaussian_filter(each, sigma, mode="constant", truncate=12)
            for each in (image, np.ones_like(image))
        )
        assert ours == pytest.approx(sums / weights, abs=1e-4)


def test_patches_only_change_places_and_more_of_them_with_more_disorder():
    images = np.arange(5 * 32 * 32 * 2, dtype="float32").reshape(5, 32, 32, 2)
    disorder = np.array([0, 0.05, 0.2, 0.5, 1], "float32")
    found = shuffled(images, disorder, [3, 4]).numpy()
    moved = []
    for before, after in zip(images, found, strict=True):
        patches, others = (
            each.reshape(4, 8, 4, 8, 2).swapaxes(1, 2).reshape(16, -1) for each in (before, after)
        )
        order = [int(np.flatnonzero((patches == other).all(axis=1))[0]) for other in others]
        assert sorted(order) == list(range(16))
        moved.append(np.abs(np.array(order) - np.arange(16)).mean())
    assert moved[0] == 0 and moved == sorted(moved) and moved[-1] > 2


def test_images_are_changed_as_the_network_is_told():
    images = shapes(300, 0)
    changed, told = change(tf.constant(images), [1, 2])
    changed, turn, strengths = changed.numpy(), told["turn"].numpy(), told["strengths"].numpy()
    assert np.array_equal(turn.sum(axis=1), np.ones(300)) and turn.mean(axis=0).min() > 0.15
    assert ((strengths > 0).sum(axis=1) <= 1).all()
    assert changed.min() >= 0 and changed.max() <= 1
    turned = np.stack([np.rot90(x, k) for x, k in zip(images, turn.argmax(axis=1), strict=True)])
    error = np.abs(changed - turned).mean(axis=(1, 2, 3))
    untouched = strengths.sum(axis=1) == 0
    assert 50 < untouched.sum() < 100 and error[untouched].max() < 1e-5
    for kind in range(3):  # a strong change is larger than a weak one
        of_kind = strengths[:, kind]
        assert error[of_kind > 0.7].mean() > 2 * error[(of_kind > 0) & (of_kind < 0.3)].mean()
    again, _ = change(tf.constant(images), [1, 2])
    other, _ = change(tf.constant(images), [1, 3])
    assert np.array_equal(again, changed) and not np.array_equal(other, changed)


@pytest.mark.parametrize("images", [np.zeros((2, 8, 8, 1)), np.full((2, 8, 8, 3), -1.0)])
def test_other_images_than_it_has_learnt_are_refused(hardly_trained, images):
    with pytest.raises(ValueError, match=r"in colour, \(n, height, width, 3\)|in \[0, 1\]"):
        hardly_trained.look(images)


@pytest.fixture
def trained(monkeypatch):
    """Counts trainings, which are short, of a process that has seen no data yet."""
    calls = []
    whole = self_supervised.train_features

    def count(images, steps):
        calls.append(images.count)
        return whole(images, steps=2)

    monkeypatch.setattr(self_supervised, "train_features", count)
    monkeypatch.setattr(self_supervised, "_KNOWN", {})
    return calls


def test_features_are_trained_once_for_a_data_set(trained, tmp_path, monkeypatch, capsys):
    images, path = batches(shapes(20, 0)), tmp_path / "features.npz"
    first, key = features_of(images, path)
    assert "on the 20 training images" in capsys.readouterr().out
    assert features_of(images, tmp_path / "other.npz")[0] is first and trained == [20]
    first.save(path, key)
    assert features_of(images, path) == (first, None)  # there is nothing to save
    self_supervised._KNOWN.clear()  # as in a new process
    again, unsaved = features_of(images, path)
    assert unsaved is None and features_of(images, tmp_path / "other.npz")[1] == key
    assert trained == [20] and capsys.readouterr().out == ""
    looked = [each.look(shapes(9, 1))[0] for each in (first, again)]
    assert np.array_equal(*looked)
    others = batches(shapes(20, 1)), batches(shapes(21, 0)), images
    for other in others:
        self_supervised._KNOWN.clear()
        if other is images:
            monkeypatch.setattr(self_supervised, "RECIPE", 1_000)
        features_of(other, path)
    assert trained == [20, 20, 21, 20]


def test_the_order_and_the_labels_of_a_run_change_nothing():
    images = batches(shapes(20, 0))
    run = dataclasses.replace(
        images, batch_size=7, seed=5, labels=np.zeros(20, int), classes=10, binarize=True
    )
    assert key_of(run) == key_of(images)
    ours, theirs = (train_features(each, steps=2).look(shapes(5, 1))[0] for each in (run, images))
    assert np.array_equal(ours, theirs)


def test_a_damaged_file_is_not_read(hardly_trained, tmp_path):
    path = tmp_path / "features.npz"
    hardly_trained.save(path, "key")
    assert load(path, "key") is not None and load(path, "another") is None
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    for damaged in (b"", content[:1000], content[:-100], bytes(flipped), b"a text"):
        path.write_bytes(damaged)
        assert load(path, "key") is None
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))  # a single array
    assert load(path, "key") is None
    np.savez(path, key="key")
    assert load(path, "key") is None and load(tmp_path / "none", "key") is None
