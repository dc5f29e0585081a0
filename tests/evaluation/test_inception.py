"""The Frechet Inception Distance, with the architecture and random weights, on small images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genai_keras.errors import UserError
from genai_keras.evaluation import inception
from genai_keras.evaluation.distances import frechet_distance
from genai_keras.evaluation.inception import inception_features, load_inception, score_inception
from genai_keras.evaluation.report import as_json, comparison, table

SIDE = 75  # the smallest that the architecture takes


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr(inception, "SIDE", SIDE)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return keras.applications.InceptionV3(weights=None, input_shape=(SIDE, SIDE, 3))


@pytest.fixture(scope="module")
def path(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "inception.weights.h5"
    network.save_weights(path)
    return path


def random_images(count, shape=(SIDE, SIDE, 3), seed=0):
    """Smooth ones, so that they do not all look alike to random weights."""
    rng = np.random.default_rng(seed)
    shades = rng.uniform(0, 1, (count, 1, 1, shape[-1])) * rng.uniform(0, 1, (count, *shape))
    return shades.astype("float32")


@pytest.mark.slow
def test_the_features_are_those_of_the_architecture(network, path, monkeypatch):
    monkeypatch.setattr(inception, "BLOCK", 4)
    images = random_images(6)
    found = inception_features(load_inception(path), images)
    pooled = keras.Model(network.input, network.get_layer("avg_pool").output)
    prepared = keras.applications.inception_v3.preprocess_input(255 * images)
    expected = pooled(prepared, training=False).numpy()
    assert found.shape == (6, 2048) and found.std() > 0
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4 * float(expected.max()))
    assert load_inception(path) is load_inception(path)  # read once for all runs


@pytest.mark.slow
def test_weights_without_the_classifier_are_read_too(network, tmp_path):
    body = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(SIDE, SIDE, 3), pooling="avg"
    )
    body.set_weights(network.get_weights()[:-2])
    body.save(tmp_path / "inception.h5")  # in the format of the file that Keras has for download
    images = random_images(2)
    found = inception_features(load_inception(tmp_path / "inception.h5"), images)
    assert found == pytest.approx(body(2 * images - 1, training=False).numpy(), rel=1e-3, abs=1e-6)


@pytest.mark.slow
def test_the_distance_is_the_closed_form_and_has_no_interval(path):
    ours, reference, training = (random_images(7, seed=seed) for seed in range(3))
    row = score_inception(path, ours, reference, training)

    def distance(images):  # for few samples: the trace of the root is a sum of singular values
        a, b = (
            inception_features(load_inception(path), each).astype("float64")
            for each in (images, reference)
        )
        mean = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
        a, b = ((each - each.mean(axis=0)) / np.sqrt(len(each) - 1) for each in (a, b))
        common = np.linalg.norm(a @ b.T, "nuc")
        return mean + np.sum(a**2) + np.sum(b**2) - 2 * common

    assert row.figure.value == pytest.approx(distance(ours), rel=1e-6) and row.figure.value > 0
    assert row.real_data == pytest.approx(distance(training), rel=1e-6)
    assert score_inception(path, reference, reference, training[:3]).figure.value < 1e-9
    assert score_inception(path, ours, reference, training[:3]).real_data is None
    assert row.figure.low is None and " to " not in table([row])
    assert "±" not in comparison({"a": [row]})
    assert as_json([row])[row.name]["high"] is None


@pytest.mark.slow
def test_small_grey_images_are_enlarged_and_repeated(path):
    grey = random_images(2, (25, 25, 1))
    large = tf.image.resize(grey, (SIDE, SIDE)).numpy().repeat(3, axis=3)
    network = load_inception(path)
    found, same, other = (inception_features(network, each) for each in (grey, large, 1 - large))
    assert found == pytest.approx(same, rel=1e-3, abs=1e-7)
    assert np.abs(found - other).mean() > 0.05 * found.mean()
    with pytest.raises(ValueError, match=r"in \[0, 1\], not from -0"):
        inception_features(network, 2 * grey - 1)


@pytest.mark.slow
def test_what_is_no_inception_is_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        load_inception(tmp_path / "none.h5")
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match=r"other\.weights\.h5 does not contain") as failure:
        load_inception(tmp_path / "other.weights.h5")
    assert "\n" not in str(failure.value)


def test_real_images_are_looked_at_once_for_all_runs(monkeypatch, tmp_path):
    looked = []

    def see(network, images):
        looked.append(len(images))
        return images.mean(axis=(1, 2))

    monkeypatch.setattr(inception, "load_inception", lambda path: None)
    monkeypatch.setattr(inception, "inception_features", see)
    monkeypatch.setattr(inception, "_SEEN", {})
    ours, others, reference = (random_images(7, (4, 4, 3), seed) for seed in range(3))
    training = random_images(9, (4, 4, 3), 3)
    path = tmp_path / "inception.h5"
    first = score_inception(path, ours, reference, training)
    assert looked == [7, 7, 7]
    second = score_inception(path, others, reference.copy(), training.copy())  # read again
    assert looked == [7, 7, 7, 7]
    real = see(None, reference)
    assert second.figure.value == frechet_distance(see(None, others), real) != first.figure.value
    assert second.real_data == first.real_data == frechet_distance(see(None, training[:7]), real)
    looked.clear()
    score_inception(path, ours, training[:8], training)  # other real images
    score_inception(tmp_path / "other.h5", ours, reference, training)
    assert looked == [8, 7, 7, 7, 7]
