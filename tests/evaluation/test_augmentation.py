"""Augmentation: the interval, what is drawn, both arms, makers, and the command."""

import functools
import json

import keras
import numpy as np
import pytest
from helpers import make_gan
from scipy import stats

from genai_keras import augment
from genai_keras.cli.gan_options import GANConfig
from genai_keras.data.images import load_images
from genai_keras.errors import UserError
from genai_keras.evaluation import augmentation
from genai_keras.evaluation.augmentation import (
    Comparison,
    augmentation_experiment,
    draw_few,
    model_maker,
    paired_interval,
    vae_maker,
)
from genai_keras.evaluation.lenet_training import train_lenet
from genai_keras.models.gan import GAN
from genai_keras.networks import dense
from genai_keras.runs import Run

PLACES = np.array([(6 + 8 * (kind // 2), 8 + 10 * (kind % 2)) for kind in range(4)])


def squares(count, seed=0, noise=0.5):
    """Images of 4 kinds, which differ in where in the noise a square lies, and labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = generator.uniform(0, noise, (count, 28, 28, 1)).astype("float32")
    for image, (y, x) in zip(images, PLACES[labels], strict=True):
        image[y : y + 5, x : x + 5] += 1 - noise
    return images, labels


def nothing(images, labels, generated, seed):
    return images[:0], labels[:0]


def experiment(make, per_class=(2,), seeds=2, steps=30, noise=0.5, invert=False):
    test_images, test_labels = squares(200, seed=1, noise=noise)
    return augmentation_experiment(
        *squares(80, noise=noise),
        1 - test_images if invert else test_images,
        test_labels,
        make,
        per_class,
        generated=25,
        seeds=seeds,
        steps=steps,
        classes=4,
        progress=None,
    )


def test_the_interval_is_that_of_a_paired_t_test():
    without, augmented = np.random.default_rng(0).normal([[0.8], [0.82]], 0.02, (2, 7))
    mean, half_width = paired_interval(augmented - without)
    test = stats.ttest_rel(augmented, without)
    interval = test.confidence_interval(0.95)
    assert (mean - half_width, mean + half_width) == pytest.approx((interval.low, interval.high))
    # By hand: 2.776 is the 97.5 % point of Student's t of 4 degrees of freedom.
    mean, half_width = paired_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert mean == 3.0
    assert half_width == pytest.approx(2.776 * np.sqrt(2.5 / 5), rel=1e-3)
    assert paired_interval([0.125] * 3) == (0.125, 0.0)
    for few in ([1.0], 1.0, [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="at least 2"):
            paired_interval(few)


def test_a_conclusion_is_drawn_only_beyond_the_interval():
    def conclusion(*differences):
        return Comparison(1, (0.5,) * 3, tuple(0.5 + each for each in differences)).conclusion

    assert conclusion(0.1, 0.11, 0.12) == "better"
    assert conclusion(-0.1, -0.11, -0.12) == "worse"
    for differences in ((0.1, 0.0, 0.2), (-0.1, 0.0, -0.2), (0.0, 0.0, 0.0)):
        assert conclusion(*differences) == "no difference that these seeds can tell"


def test_n_of_each_class_are_drawn_none_twice_and_others_for_another_seed():
    labels = np.random.default_rng(0).integers(0, 10, 600)
    first, again, more, other = (
        draw_few(labels, count, seed) for count, seed in ((7, 0), (7, 0), (20, 0), (7, 1))
    )
    assert np.array_equal(first, again)
    assert np.bincount(labels[first]).tolist() == [7] * 10
    assert len(set(more)) == 200 and set(first) < set(more)
    assert len(set(first) & set(other)) < 30
    with pytest.raises(UserError, match="only 3 images of class 1, not 4"):
        draw_few(np.array([0, 0, 0, 0, 1, 1, 1]), 4, 0, classes=2)


@pytest.mark.slow
def test_both_arms_see_the_same_real_images_and_make_sees_these_and_no_others(monkeypatch):
    learnt, given = [], []

    @functools.cache
    def any_lenet():
        return train_lenet(*squares(8), seed=0, steps=1, batch_size=8, classes=4)

    def record(images, labels, **settings):
        learnt.append((images, labels, settings))
        return any_lenet()

    def make(images, labels, generated, seed):
        given.append((images, labels, generated, seed))
        return np.ones((3, 28, 28, 1), "float32"), np.array([0, 1, 2])

    monkeypatch.setattr(augmentation, "train_lenet", record)
    images, labels = squares(80)
    found = experiment(make, per_class=(2, 3), steps=1)
    assert [each.per_class for each in found] == [2, 3]
    assert [each[2:] for each in given] == [(25, 0), (25, 1)] * 2
    expected = [(count, seed) for count in (2, 3) for seed in (0, 1)]
    for number, (count, seed) in enumerate(expected):
        few = draw_few(labels, count, seed, 4)
        alone, both = learnt[2 * number : 2 * number + 2]
        for part in (alone, given[number]):
            assert np.array_equal(part[0], images[few]) and np.array_equal(part[1], labels[few])
        assert np.array_equal(both[0][:-3], images[few]) and np.all(both[0][-3:] == 1)
        assert both[1].tolist() == [*labels[few], 0, 1, 2]
        # Fixed settings: nothing but the images differs.
        same = {"seed": seed, "steps": 1, "batch_size": 4 * count, "classes": 4}
        assert alone[2] == both[2] == same


@pytest.mark.slow
def test_without_generated_images_there_is_exactly_no_difference():
    (found,) = experiment(nothing, noise=0.8)
    assert found.without == found.augmented
    assert found.interval == (0.0, 0.0)
    assert found.without[0] != found.without[1]


@pytest.mark.slow
def test_images_that_must_help_do_and_wrong_labels_must_hurt():
    """Negatives are classified, and of the real images none is one."""

    def negatives(images, labels, generated, seed):
        images, labels = squares(4 * generated, seed=100 + seed)
        return 1 - images, labels

    def mislabelled(images, labels, generated, seed):
        images, labels = squares(4 * generated, seed=100 + seed)
        return images, (labels + 1) % 4

    (helped,) = experiment(negatives, seeds=3, steps=60, invert=True)
    assert helped.conclusion == "better"
    assert min(helped.differences) > 0.3
    (hurt,) = experiment(mislabelled, seeds=3, steps=60)
    assert hurt.conclusion == "worse"
    assert max(hurt.differences) < -0.3


@pytest.mark.parametrize(
    "made, words",
    [
        ((np.zeros((3, 28, 28)), np.zeros(3, int)), r"images \(n, 28, 28, 1\)"),
        ((np.zeros((3, 28, 28, 1)), np.zeros(2, int)), "and labels"),
        ((np.zeros((2, 28, 28, 1)), np.array([0, 4])), "integer labels from 0 to 3"),
        ((np.zeros((2, 28, 28, 1)), np.array([0, 0.5])), "integer labels from 0 to 3"),
        ((np.full((1, 28, 28, 1), -1.0), np.array([0])), r"in \[0, 1\]"),
    ],
)
def test_what_is_no_labelled_image_is_refused(made, words):
    with pytest.raises(ValueError, match=words):
        experiment(lambda *_: made, steps=1)


def test_unusable_settings_fail_before_anything_is_trained():
    with pytest.raises(ValueError, match="one has no spread"):
        experiment(None, seeds=1)
    with pytest.raises(UserError, match="only 20 images of class 0, not 21"):
        experiment(None, per_class=(2, 21))


@pytest.mark.slow
def test_a_vae_of_few_images_makes_what_it_is_asked_for():
    images, labels = squares(40, noise=0.1)
    made, asked = vae_maker(classes=4)(images, labels, 20, 0)
    assert made.shape == (80, 28, 28, 1) and 0 <= made.min() <= made.max() <= 1
    assert np.bincount(asked).tolist() == [20] * 4
    brightness = np.stack([made[:, y : y + 5, x : x + 5, 0].mean((1, 2)) for y, x in PLACES])
    assert np.mean(brightness.argmax(axis=0) == asked) > 0.9


@pytest.mark.slow
def test_a_maker_repeats_itself_and_depends_on_the_seed():
    make = vae_maker(steps=2, classes=4)
    first, again, other = (make(*squares(40), 3, seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def small_gan(classes=10, shape=(28, 28, 1)):
    keras.utils.set_random_seed(0)
    return GAN(
        dense.build_dense_generator(4, shape, (8,), classes=classes),
        dense.build_dense_discriminator(shape, (8,), classes=classes),
    )


def test_images_of_a_gan_are_scaled_and_have_the_labels_they_were_made_of():
    gan = small_gan(classes=3)
    made, labels = model_maker(gan)(None, None, 4, 5)
    assert np.bincount(labels).tolist() == [4] * 3
    assert made == pytest.approx((gan.generate(12, 5, labels) + 1) / 2)
    assert made.min() >= 0 and made.max() <= 1
    with pytest.raises(ValueError, match="must be conditional"):
        model_maker(make_gan())


TINY = ["--per-class", "2", "3", "--seeds", "2", "--steps", "3", "--generated", "2"]


@pytest.mark.slow
def test_the_command_prints_and_writes_what_it_found(tmp_path, capsys):
    path = tmp_path / "found.json"
    assert augment.main([*TINY, "--vae-steps", "3", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(path.read_text())
    assert found["dataset"] == "mnist5k" and found["steps"] == 3 and found["run"] is None
    assert "on 500 test images, mean over 2 seeds" in printed
    assert "upper bound" not in printed
    for each, count in zip(found["results"], (2, 3), strict=True):
        assert each["per_class"] == count
        mean, half_width = paired_interval(np.subtract(each["augmented"], each["without"]))
        assert (each["difference"], each["half_width"]) == (mean, half_width)
        row = [100 * np.mean(each[name]) for name in ("without", "augmented")]
        assert f"{count:6}{row[0]:10.2f}{row[1]:9.2f}   {100 * mean:+.2f} +- " in printed
        assert f"+- {100 * half_width:.2f}: {each['conclusion']}" in printed
    train, test = load_images("mnist5k", value_range=(0, 1))
    again = augmentation_experiment(
        train.first(4500), train.labels, test.first(500), test.labels, vae_maker(3), (2,), 2, 2, 3,
        progress=None,
    )  # fmt: skip
    assert list(again[0].augmented) == found["results"][0]["augmented"]


@pytest.fixture
def run_of(monkeypatch, tmp_path):
    """Makes `augment RUN` find a run of this model; returns the run's folder."""

    def make(model, **settings):
        config = GANConfig(**{"conditional": True, "run_dir": tmp_path, **settings})
        monkeypatch.setattr(
            "genai_keras.runs.load_run", lambda *_: Run(tmp_path, config, model, config.task())
        )
        return str(tmp_path)

    return make


@pytest.mark.slow
def test_a_run_that_saw_more_labels_is_called_no_fair_fight(run_of, tmp_path, capsys):
    (tmp_path / "versions.json").write_text(json.dumps({"samples": {"training": 4500}}))
    path = tmp_path / "found.json"
    argv = [*TINY, "--per-class", "2", "--json", str(path)]
    assert augment.main([run_of(small_gan()), *argv]) == 0
    printed = capsys.readouterr().out
    assert "trained on 4,500 labelled images, but the classifiers on 20:" in printed
    assert "upper bound, because the comparison is not fair" in printed
    assert json.loads(path.read_text())["run_trained_on"] == 4500


def test_runs_that_are_of_no_use_are_named(run_of, tmp_path, capsys):
    def error(*argv, code=2):
        assert augment.main([*argv, *TINY]) == code
        return capsys.readouterr().err

    assert "trained with --conditional" in error(run_of(small_gan(classes=0), conditional=False))
    assert "trained with --conditional" in error(run_of(make_gan(), dataset="mixture"))
    assert "has learnt mnist, not mnist5k: add --dataset mnist" in error(
        run_of(small_gan(), dataset="mnist")
    )
    assert "makes images of (8, 8, 1)" in error(run_of(small_gan(shape=(8, 8, 1))), code=1)
    assert "--vae-steps has no effect" in error(run_of(small_gan()), "--vae-steps", "9")


def test_what_cannot_work_is_said_before_it_takes_time(tmp_path, capsys):
    assert augment.main([str(tmp_path / "none")]) == 1
    assert "there is no run in" in capsys.readouterr().err
    assert augment.main(["--json", str(tmp_path / "none" / "found.json")]) == 1
    assert "none is not a folder" in capsys.readouterr().err
    assert augment.main(["--per-class", "10", "1000"]) == 1
    assert "use fewer images per class" in capsys.readouterr().err
    assert augment.main(["--seeds", "1"]) == 2
