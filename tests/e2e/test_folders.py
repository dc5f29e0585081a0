"""Runs on folders of images as people have them."""

import json

import numpy as np
import pytest
from PIL import Image

from genai_keras.runs import load_run
from genai_keras.train_gan import main

TINY = ["--preset", "mlp", "--generator-widths", "8", "--discriminator-widths", "8",
        "--batch-size", "8", "--image-size", "8", "--verbose", "0",
        "--dataset", "folder"]  # fmt: skip


@pytest.fixture
def images(tmp_path, monkeypatch):
    """The working folder, with 80 images in it."""
    monkeypatch.chdir(tmp_path)
    for seed in range(80):
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 9), dtype="uint8")
        Image.fromarray(pixels).save(f"p{seed:02}.png")
    return tmp_path


def counts(folder):
    return json.loads((folder / "versions.json").read_text(encoding="utf-8"))["samples"]


def test_runs_in_the_folder_of_the_images_do_not_learn_from_runs(images, capsys):
    """The sample grids of the first run are there when the others read the folder."""
    argv = [*TINY, "--data-dir", "."]
    assert main([*argv, "--run-dir", "runs/a", "--epochs", "1"]) == 0
    assert list((images / "runs" / "a").rglob("*.png"))
    assert main([*argv, "--run-dir", "runs/b", "--epochs", "1"]) == 0
    assert counts(images / "runs" / "a") == counts(images / "runs" / "b")
    assert counts(images / "runs" / "a") == {"training": 72, "validation": 8}
    assert main([*TINY, "--run-dir", "runs/a", "--resume", "--epochs", "2"]) == 0
    assert load_run("runs/a").load().counts == counts(images / "runs" / "a")
    capsys.readouterr()


def test_equal_images_are_refused_before_training(images, capsys):
    for number in range(80):
        Image.new("RGB", (30 + number, 30), "white").save(f"p{number:02}.png")
    assert main([*TINY, "--data-dir", ".", "--run-dir", "runs/a", "--epochs", "1"]) == 1
    assert "all 80 images are copies of one image" in capsys.readouterr().err
    assert not (images / "runs" / "a" / "checkpoints").exists()
