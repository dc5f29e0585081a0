"""A pack of a folder trains as the folder does, bit for bit, and is whole or not there."""

import json
import os
import resource
import shutil
import signal

import numpy as np
import pytest
from helpers import COLOURS, DENSE, DIGITS, assert_same_bits, refused, write_colours
from PIL import Image

from genai_keras import pack, train_gan
from genai_keras.data import folder as folder_module
from genai_keras.data import packs
from genai_keras.data.images import load_images

SMALL = [*DIGITS[2:], *DENSE, "--epochs", "1", "--verbose", "0", "--dataset", "folder"]


@pytest.fixture
def images(tmp_path):
    """90 images in three classes, not all of one size, with a copy and a file that is none."""
    folder = tmp_path / "images"
    write_colours(folder, 30)
    Image.new("L", (40, 30), 90).save(folder / "red" / "grey.jpg")
    shutil.copy(folder / "red" / "3.png", folder / "green" / "copy.png")
    (folder / "notes.txt").write_text("not an image")
    (folder / "empty").mkdir()
    return folder


def train(data, run, *more):
    options = ["--data-dir", str(data), "--run-dir", str(run), "--batch-size", "32", *more]
    assert train_gan.main([*SMALL, *options]) == 0
    return run / "model.keras"


def packed(images, *options):
    out = images.parent / "pack"
    assert pack.main([str(images), "--out", str(out), *options]) == 0
    return out


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["in memory", "streamed"])
@pytest.mark.parametrize(
    "options",
    [["--image-size", "8"], ["--image-size", "6", "--channels", "1", "--conditional"]],
    ids=["colour", "grey with labels"],
)
def test_it_trains_to_the_same_bits(images, tmp_path, options, memory, monkeypatch, capsys):
    monkeypatch.setattr(folder_module, "MEMORY", memory)
    ours = train(images, tmp_path / "folder", *options)
    out = packed(images, *options)
    said = " ".join(capsys.readouterr().out.split())
    for each in ("92 images in", "copies of others: ", "skipped: 1 text (notes.txt)"):
        assert each in said
    shutil.rmtree(images)
    assert_same_bits(ours, train(out, tmp_path / "pack-run", *options))
    # Size and channels are those of the pack; whether there are labels has to be said.
    assert_same_bits(ours, train(out, tmp_path / "short", *options[4:]))
    found = [json.loads((ours.parent.parent / each / "versions.json").read_text())
             for each in ("folder", "pack-run")]  # fmt: skip
    for name in ("data", "samples"):
        assert found[0][name] == found[1][name]


def test_a_run_of_the_folder_goes_on_with_the_pack(images, tmp_path):
    size = ["--image-size", "8"]
    straight = train(images, tmp_path / "straight", *size, "--epochs", "2")
    train(images, tmp_path / "run", *size)
    out = packed(images, *size)
    again = train(out, tmp_path / "run", "--epochs", "2", "--resume")
    assert_same_bits(straight, again)


def test_labels_of_a_file_are_kept(images, tmp_path):
    lines = [f"{path.relative_to(images)},{'odd' if int(path.stat().st_size) % 2 else 'even'}"
             for path in sorted(images.rglob("*.[pj][np]g"))]  # fmt: skip
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    labels = ["--conditional", "--labels", str(tmp_path / "labels.csv")]
    out = packed(images, "--image-size", "8", *labels)
    ours = load_images("folder", images, 8, image_size=8, conditional=True, labels=labels[-1])
    theirs = load_images("folder", out, 8, conditional=True)
    for one, other in zip(ours, theirs, strict=True):
        assert one.class_names == other.class_names == ("even", "odd")
        assert one.fingerprint(99) == other.fingerprint(99)
        assert other.summary.empty_folders() == []
        for a, b in zip(one.shuffled().take(3), other.shuffled().take(3), strict=False):
            assert all(map(np.array_equal, a, b))


def test_empty_classes_are_remembered(images):
    out = packed(images, "--conditional")
    train, _ = load_images("folder", out, 8, conditional=True)
    assert train.summary.empty_folders() == ["empty"]
    assert train.class_names == tuple(sorted(COLOURS))
    assert train.element_shape == (64, 64, 3)


def test_other_settings_need_another_pack(images):
    out = packed(images, "--image-size", "8", "--limit", "50")
    train, validation = load_images("folder", out, 8)
    assert train.count + validation.count == 50
    for changes, words in (
        ({"image_size": 16}, "packed with `image_size=8`, not `image_size=16`"),
        ({"channels": 1}, "packed with `channels=3`, not `channels=1`"),
        ({"limit": 40}, "packed with `limit=50`, not `limit=40`"),
        ({"conditional": True}, "packed without `conditional`"),
    ):
        refused(lambda changes=changes: load_images("folder", out, 8, **changes), out, words)


def test_labels_that_are_not_read_are_told(images, tmp_path, capsys):
    out = packed(images, "--image-size", "8", "--conditional")
    load_images("folder", out, 8, conditional=True, labels=tmp_path / "other.csv")
    assert "other.csv is not read" in capsys.readouterr().err


def test_images_beside_a_file_of_that_name_are_no_pack(images):
    (images / "pack.json").write_text("{}")
    assert not packs.is_pack(images)


def test_a_full_disk_leaves_nothing(images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(folder_module, "MEMORY", 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # of 1 MB
    try:
        assert pack.main([str(images), "--out", str(tmp_path / "pack")]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ["images"]
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert "there is no space left to write to" in line and line.endswith("then start again")
    assert said.out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_is_interrupted_leaves_nothing(images, tmp_path, number, monkeypatch, capsys):
    write = packs._write_images

    def interrupted(path, part):
        write(path, part)
        signal.raise_signal(number)

    monkeypatch.setattr(packs, "_write_images", interrupted)
    assert pack.main([str(images), "--out", str(tmp_path / "pack")]) == 128 + number
    assert os.listdir(tmp_path) == ["images"]
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_nothing_is_replaced(images, tmp_path, capsys):
    assert pack.main([str(images), "--image-size", "8"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["images", "images-packed"]
    assert pack.main([str(images)]) == 1
    assert "images-packed already exists" in capsys.readouterr().err
    (tmp_path / "new").mkdir()
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert pack.main([str(images), "--out", str(tmp_path / "new")]) == 1
    assert "broken.png" in capsys.readouterr().err
    assert os.listdir(tmp_path / "new") == []


def test_a_file_that_breaks_meanwhile_is_named(images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(folder_module, "MEMORY", 0)
    write = packs._write_images

    def broken(path, part):
        part.paths[2].write_bytes(b"")
        write(path, part)

    monkeypatch.setattr(packs, "_write_images", broken)
    assert pack.main([str(images)]) == 1
    assert ".png" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["images"]


@pytest.mark.parametrize("name", ["x_train.npy", "x_test.npy", "y_test.npy", "pack.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "empty", "exchanged"])
def test_a_damaged_pack_is_named(images, name, damage):
    out = packed(images, "--image-size", "8", "--conditional")
    path = out / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "exchanged":
        shutil.copy(out / ("pack.json" if name[0] == "y" else "y_train.npy"), path)
    elif name == "pack.json":
        path.write_text("{}")
    else:
        path.unlink()
    refused(lambda: load_images("folder", out, 8, conditional=True), out, "is damaged",
            "pack the images again")  # fmt: skip
