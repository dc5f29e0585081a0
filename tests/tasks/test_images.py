"""What images are judged by: the features of a run, its file of them, and what runs must share."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from helpers import DENSE, DIGITS

from genai_keras.data.batches import Batches
from genai_keras.evaluation import self_supervised
from genai_keras.evaluation.features import LeNetFeatures
from genai_keras.evaluation.self_supervised import FILE, key_of, train_features
from genai_keras.runs import load_run
from genai_keras.tasks import images as task_images
from genai_keras.tasks.base import Data
from genai_keras.tasks.comparison import warn_of_differences
from genai_keras.tasks.images import Images, _feature_extractor
from genai_keras.tasks.pixels import Pixels


def batches(shape=(8, 8, 3), count=20, seed=0):
    images = np.random.default_rng(seed).uniform(0, 1, (count, *shape)).astype("float32")
    pixels = tf.constant(images)
    return Batches(lambda indices: tf.gather(pixels, indices), count, shape, 10)


def run_of(folder, kind=Images, train=None, **options):
    """What `facts` needs of a run, whose `versions.json` is about the images `train`."""
    known = {}
    if train:
        data = Data(train, train, fingerprint=train.fingerprint())
        known = {"samples": data.counts, "data": data.fingerprint, "unlabelled": data.unlabelled}
    folder.mkdir()
    (folder / "versions.json").write_text(json.dumps(known))
    options = {"dataset": "mnist5k", "image_size": None, "channels": None, **options}
    return SimpleNamespace(folder=folder, model=None, task=kind(SimpleNamespace(**options)))


def warned(capsys, *runs):
    warn_of_differences(runs)
    return capsys.readouterr().err


def test_runs_that_other_features_judge_are_told_apart(tmp_path, capsys):
    train = batches()
    grey = run_of(tmp_path / "grey", train=batches((28, 28, 1)))
    same = run_of(tmp_path / "same", train=batches((28, 28, 1), seed=1), channels=1)
    coloured = run_of(tmp_path / "coloured", train=train, channels=3)
    pixels = run_of(tmp_path / "pixels", Pixels)
    assert "differ in features, so" in warned(capsys, grey, coloured)
    assert "differ in features, so" in warned(capsys, coloured, pixels)
    # One LeNet judges these, whatever they learn from.
    assert warned(capsys, grey, same, pixels) == ""
    # `score` decides in the same way.
    assert isinstance(_feature_extractor("mnist5k", batches((28, 28, 1)), tmp_path), LeNetFeatures)


def test_labels_make_no_other_images(tmp_path, capsys):
    labelled = dataclasses.replace(batches(), labels=np.arange(20) % 4, classes=4)
    plain, conditional, other, relabelled = (
        run_of(tmp_path / name, train=train, dataset="folder")
        for name, train in (
            ("plain", batches()),
            ("conditional", labelled),
            ("other", batches(seed=1)),
            ("relabelled", dataclasses.replace(labelled, labels=np.arange(20) % 3)),
        )
    )
    assert warned(capsys, plain, conditional, relabelled) == ""
    assert "differ in training images, so" in warned(capsys, plain, other)


@pytest.mark.slow
def test_a_run_keeps_what_its_images_are_without_their_labels(tmp_path, capsys):
    from genai_keras.train_gan import main

    argv = [*DIGITS, *DENSE, "--channels", "3", "--epochs", "1", "--verbose", "0"]
    runs = []
    for name, more in (("plain", []), ("conditional", ["--conditional"])):
        assert main([*argv, *more, "--run-dir", str(tmp_path / name)]) == 0
        runs.append(load_run(tmp_path / name))
    plain, conditional = (
        json.loads((run.folder / "versions.json").read_text(encoding="utf-8")) for run in runs
    )
    assert conditional["unlabelled"] == plain["data"] != conditional["data"]
    capsys.readouterr()
    assert warned(capsys, *runs) == ""


def test_a_file_of_features_is_written_once_and_then_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(self_supervised, "STEPS", 1)
    monkeypatch.setattr(self_supervised, "_KNOWN", {})
    train, folders = batches(), [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    paths = [folder / FILE for folder in folders]
    # Another machine has written this one.
    train_features(train, 1, seed=1).save(paths[1], key_of(train))
    first = _feature_extractor("folder", train, folders[0])

    def states():
        return [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths[:2]]

    before = states()
    assert before[0][0] != before[1][0]

    def refuse(*_):
        raise PermissionError(13, "the folder is read-only")

    monkeypatch.setattr(self_supervised.SelfSupervisedFeatures, "save", refuse)
    for folder in folders[:2]:
        assert _feature_extractor("folder", train, folder) is first
    self_supervised._KNOWN.clear()  # as in a new process
    again = _feature_extractor("folder", train, folders[0])
    assert np.array_equal(*(each.look(train.first(5))[0] for each in (first, again)))
    assert states() == before and capsys.readouterr().err == ""
    assert _feature_extractor("folder", train, folders[2]) is again
    assert f"{paths[2]} cannot be written" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "conditional-vae"])  # binarized, and not
def test_a_vae_is_scored_on_what_it_learns_and_the_data_are_read_once(name, finished, monkeypatch):
    run = load_run(finished(name))
    truth = run.load().validation
    seen, reads, load = {}, [], run.task.load

    def read(*arguments, **options):
        reads.append(options)
        return load(*arguments, **options)

    def score_bounds(model, x, labels, *more):
        seen.update(x=x, labels=labels)
        return []

    def score_samples(task, run, request, data):
        seen.update(grey=data.validation.first(40))
        return []

    monkeypatch.setattr(run.task, "load", read)
    monkeypatch.setattr(task_images, "score_bounds", score_bounds)
    monkeypatch.setattr(task_images, "score_samples", score_samples)
    run.task.score(run, SimpleNamespace(likelihoods=40, importance_samples=2, seed=0))
    assert len(reads) == 1
    assert np.array_equal(seen["x"], truth.first(40))
    assert (len(np.unique(seen["x"])) == 2) == (name == "vae")
    assert len(np.unique(seen["grey"])) > 2
    assert (seen["labels"] is None) == (name == "vae")
    assert name == "vae" or np.array_equal(seen["labels"], truth.labels[:40])
