"""What a run says before it trains, and `--dry-run`, which stops there."""

import json
import re

import numpy as np
import pytest
from helpers import MAINS, OF_IMAGES, TRAINING, write_colours, write_data
from PIL import Image

from genai_keras.training import run
from genai_keras.training.prepare import SHEET, wrapped

WIDTH = 79
pytestmark = pytest.mark.usefixtures("few_digits")


def names_in(folder):
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def joined(printed):
    """Printed lines as they were before they were broken."""
    return re.sub(r"\n +", " ", printed).splitlines()


def start(command, folder, *argv, data=()):
    argv = (*TRAINING[command], *data, "--epochs", "1", "--run-dir", str(folder), *argv)
    return MAINS[command](list(argv))


def look_at_folder(images, run_dir, *argv, command="train_gan"):
    argv = ("--image-size", "8", "--limit", "64", "--dry-run", *argv)
    data = ["--dataset", "folder", "--data-dir", str(images)]
    return start(command, run_dir, *argv, data=data)


@pytest.mark.parametrize("command", TRAINING)
def test_a_dry_run_trains_nothing_and_a_run_follows_in_the_same_folder(
    command, tmp_path, capsys, monkeypatch
):
    data, folder = write_data(command, tmp_path), tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(run, "run_training", None)  # nobody calls it
        assert start(command, folder, "--dry-run", data=data) == 0
    of_images = command in OF_IMAGES
    assert names_in(folder) == ([SHEET] if of_images else [])
    printed = capsys.readouterr()
    assert (str(folder / SHEET) in printed.out) == of_images
    assert "epoch " not in printed.out and "What next?" not in printed.out
    assert printed.err == ""

    assert start(command, folder, "--verbose", "2", data=data) == 0
    read = json.loads((folder / "versions.json").read_text(encoding="utf-8"))["read"]
    assert read
    for lines in (joined(printed.out), joined(capsys.readouterr().out)):
        place = lines.index(read[0].replace("`limit`", "--limit"))
        assert lines[place : place + len(read)] == [
            each.replace("`limit`", "--limit") for each in read
        ]
    assert (folder / SHEET).exists() == of_images
    assert "dry_run" not in json.loads((folder / "config.json").read_text(encoding="utf-8"))


def test_a_dry_run_says_what_would_stop_the_run(tmp_path, capsys):
    write_colours(tmp_path / "images", count=4)
    assert look_at_folder(tmp_path / "images", tmp_path / "run", "--batch-size", "16") == 1
    printed = capsys.readouterr()
    assert "11 for training and 1 for validation" in printed.out
    assert "11 training samples do not fill one batch of 16" in printed.err
    assert "--batch-size 11" in printed.err
    assert names_in(tmp_path / "run") == [SHEET]  # it was worth a look
    data = ["--dataset", "folder", "--data-dir", str(tmp_path / "images")]
    assert start("train_gan", tmp_path / "other", data=data) == 1
    assert names_in(tmp_path / "other") == []


def test_a_dry_run_leaves_a_run_as_it_is(tmp_path, capsys):
    folder = tmp_path / "run"
    assert start("train_gan", folder, "--verbose", "0") == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert start("train_gan", folder, "--dry-run") == 1
    assert "add --resume or --overwrite" in capsys.readouterr().err
    for options in (["--resume"], ["--overwrite", "--limit", "32"]):
        assert start("train_gan", folder, "--dry-run", *options) == 0
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_lines_are_short_and_in_flags(tmp_path, capsys):
    images = tmp_path / ("a rather long name " * 4)
    write_colours(images, count=30)
    for index in range(4):
        (images / f"IMG {index} with a long name.HEIC").write_bytes(
            b"\0\0\0\x18ftypheic" + bytes(9)
        )
    assert look_at_folder(images, tmp_path / "run", "--conditional") == 0
    lines = capsys.readouterr().out.splitlines()
    about = lines[2:-1]  # below what is learnt and the folder, above the path of the sheet
    assert len(about) > 6
    assert all(len(line) <= WIDTH for line in about)
    assert "left out by --limit: 26 files" in about
    command = "`magick mogrify -format jpg *.HEIC`"
    assert any(command in line for line in about)  # in one line, to be copied


def test_only_a_long_word_makes_a_line_longer():
    word = "x" * 200
    assert wrapped(f"in {word} are 3 images").split("\n") == ["in", f"  {word}", "  are 3 images"]
    text = "4 of 5 " * 100
    assert max(map(len, wrapped(text).split("\n"))) <= WIDTH
    assert wrapped(text).split() == text.split()


def test_warnings_are_told_apart_and_in_flags(tmp_path, capsys, monkeypatch):
    write_colours(tmp_path / "images", count=30)
    path = tmp_path / "images" / "empty"
    path.mkdir()
    monkeypatch.setattr(
        "genai_keras.tasks.images.warnings_about_images", lambda *_: ["use `image_size=16`"]
    )
    assert look_at_folder(tmp_path / "images", tmp_path / "run", "--conditional") == 0
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert first.startswith("warning: ") and "no images in empty" in first
    assert second == "warning: use --image-size 16"
    assert "warning:" not in printed.out and "image-size" not in printed.out


def test_labels_are_counted_with_names(tmp_path, capsys):
    images = tmp_path / "images"
    write_colours(images, count=30)
    for index in range(10):
        (images / "red" / f"{index}.png").unlink()
    argv = ("--conditional", "--limit", "500", "--dry-run")
    assert look_at_folder(images, tmp_path / "run", *argv) == 0
    # A tenth of each class is for validation.
    expected = "labels for training: deep blue 27, green 27, red 18"
    assert expected in joined(capsys.readouterr().out)


def test_without_words_there_are_only_warnings(tmp_path, capsys):
    write_colours(tmp_path / "images", count=12)
    argv = ("--conditional", "--verbose", "0", "--limit", "500")
    data = ["--dataset", "folder", "--data-dir", str(tmp_path / "images"), "--image-size", "8"]
    assert start("train_gan", tmp_path / "run", *argv, data=data) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert all(line.startswith("warning: ") for line in printed.err.splitlines())
    assert "fewer than 20 images to learn" in printed.err


def test_the_sheet_shows_the_training_images(tmp_path):
    """Each square of the sheet is one of the colours, as bright as one of the files."""
    images = tmp_path / "images"
    write_colours(images, count=20)
    assert look_at_folder(images, tmp_path / "run") == 0
    with Image.open(tmp_path / "run" / SHEET) as image:
        pixels = np.asarray(image).reshape(-1, 3)
    found = {tuple(each) for each in np.unique(pixels, axis=0)}
    written = set()
    for path in images.rglob("*.png"):
        with Image.open(path) as image:
            written.add(image.getpixel((0, 0)))
    shown = found & written
    assert len(shown) == 54  # a tenth of the 60 is for validation


@pytest.mark.parametrize("command", OF_IMAGES)
def test_the_sheet_says_if_a_model_sees_black_and_white(command, tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(
        "genai_keras.tasks.images.labelled", lambda grid, title: titles.append(title) or grid
    )
    assert start(command, tmp_path / "run", "--dry-run") == 0
    (title,) = titles
    assert title.startswith("64 of 64 training images")
    assert ("before each pixel becomes black or white" in title) == (command == "train_vae")
