"""How a detector enters the figures of images, on features that are easy to see through."""

import numpy as np
import pytest

from genai_keras.evaluation import distances
from genai_keras.evaluation.features import FeatureExtractor
from genai_keras.evaluation.images import NEIGHBOURS, measures, recognize, score_images

RNG = np.random.default_rng(0)


class Pixels(FeatureExtractor):
    """Features are the two pixels of an image; it recognizes those whose third is bright."""

    name, kind = "pixels", "stamps"

    def look(self, images):
        return images[:, 0, :2, 0], None

    def recognizes(self, images):
        return images[:, 0, 2, 0] > 0.5


class Blind(FeatureExtractor):
    name, look = "pixels", Pixels.look


def stamps(count, bright=1.0):
    images = RNG.random((count, 1, 3, 1)).astype("float32")
    images[:, 0, 2, 0] = np.arange(count) < bright * count
    return images


def figures(*samples, extractor):
    rows, _ = score_images(*samples, extractor)
    return {row.name: row for row in rows}


def test_a_sample_counts_for_precision_if_it_is_near_and_recognized():
    ours, real, training = stamps(60, 0.7), stamps(80), stamps(90)
    seen, blind = (figures(ours, real, training, extractor=each) for each in (Pixels(), Blind()))
    features, _ = Pixels().look(ours)
    real_features, _ = Pixels().look(real)
    gaps = np.linalg.norm(real_features[:, None] - real_features, axis=-1)
    radii = np.sort(gaps, axis=1)[:, NEIGHBOURS]  # the nearest is the point itself
    near = (np.linalg.norm(features[:, None] - real_features, axis=-1) < radii).any(axis=1)
    bright = np.arange(60) < 42
    assert seen["recognized"].figure.value == pytest.approx(0.7)
    assert seen["recognized"].real_data == 1
    assert "stamps" in seen["recognized"].meaning
    assert "are recognized" in seen["precision"].meaning
    assert "recognized" not in blind["precision"].meaning
    assert seen["precision"].figure.value == pytest.approx(np.mean(near & bright))
    assert blind["precision"].figure.value == pytest.approx(near.mean())
    assert near.mean() > np.mean(near & bright)
    # Nothing else depends on the detector, not in its last digit.
    assert set(seen) - set(blind) == {"recognized"}
    for name in set(blind) - {"precision"}:
        assert seen[name].figure == blind[name].figure, name
    assert seen["frechet_distance"].figure.value == distances.frechet_distance(
        features, real_features
    )


def test_the_baseline_is_judged_in_the_same_way():
    ours, real, training = stamps(60), stamps(80), stamps(90)
    training[:6, 0, 2, 0] = 0  # a tenth of the first 60
    found = figures(ours, real, training, extractor=Pixels())
    alone = measures(*(Pixels().look(each)[0] for each in (training[:60], real)))
    assert found["recognized"].real_data == pytest.approx(0.9)
    assert alone["precision"] - 0.1 - 1e-9 <= found["precision"].real_data < alone["precision"]
    few = figures(ours, real, training[:30], extractor=Pixels())
    assert few["recognized"].real_data is None and few["precision"].real_data is None


def test_a_detector_that_does_not_know_the_real_images_is_not_asked():
    ours, training = stamps(60, 0.0), stamps(90)
    known, unknown = stamps(80, 0.95), stamps(80, 0.8)
    assert recognize(Pixels(), known, ours)[0].sum() == 0
    assert recognize(Pixels(), unknown, ours, training) == [None, None]
    found = figures(ours, unknown, training, extractor=Pixels())
    assert "recognized" not in found and found["precision"].figure.value > 0.5


def test_samples_that_are_of_another_kind_are_called_so():
    found = figures(stamps(60, 0.0), stamps(80), stamps(90), extractor=Pixels())
    assert found["precision"].figure.value == 0
    assert found["recognized"].remark.startswith("these are no stamps: precision")
