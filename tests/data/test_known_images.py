"""What was examined once is not examined again, unless it has changed."""

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genai_keras.data import folder as folder_module
from genai_keras.data import folder_listing, known_images
from genai_keras.data.folder import read_folder
from genai_keras.errors import UserError

SIDE = 8


def draw(path, seed, mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype="uint8")
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A folder that is larger than memory, whose files are old enough to be known."""
    monkeypatch.setattr(known_images, "FRESH", -1)
    monkeypatch.setattr(folder_module, "MEMORY", 0)
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(12):
        draw(folder / f"{seed:02}.{'png' if seed % 2 else 'bmp'}", seed, "L" if seed < 3 else "RGB")
    shutil.copy(folder / "05.png", folder / "copy.png")
    return folder


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are opened to look at them, and of those that are decoded."""
    looked_at, decoded = [], []
    facts, examine = folder_listing._facts, folder_module._examine

    def look(path):
        looked_at.append(path.name)
        return facts(path)

    def decode(path, **arguments):
        decoded.append(path.name)
        return examine(path, **arguments)

    monkeypatch.setattr(folder_listing, "_facts", look)
    monkeypatch.setattr(folder_module, "_examine", decode)

    def names():
        found = [sorted(names) for names in (looked_at, decoded)]
        looked_at.clear()
        decoded.clear()
        return found

    return names


def result(folder, *arguments):
    parts, _, _ = read_folder(folder, *arguments)
    assert all(part.pixels is None for part in parts)
    return [(part.paths, part.shape, part.summary) for part in parts]


def test_a_second_time_nothing_is_opened_and_the_result_is_the_same(images, opened):
    everything = sorted(os.listdir(images))
    first = result(images, SIDE)
    assert opened() == [everything, everything]
    assert result(images, SIDE) == first
    assert opened() == [[], []]
    assert first[0][2].copies == 1


def test_only_what_is_new_or_has_changed_is_opened(images, opened):
    result(images, SIDE)
    opened()
    draw(images / "new.png", 100)
    changed = images / "03.png"
    before = changed.stat()
    draw(changed, 101)
    # Of the same length and with the time of the former, as `cp -p` makes them.
    changed.write_bytes(changed.read_bytes().ljust(before.st_size, b"\0")[: before.st_size])
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    (images / "04.bmp").unlink()
    os.rename(images / "06.bmp", images / "renamed.bmp")
    with_cache = result(images, SIDE)
    assert opened() == [["03.png", "new.png", "renamed.bmp"]] * 2
    os.environ["XDG_CACHE_HOME"] = str(images.parent / "another")  # undone by a fixture
    assert result(images, SIDE) == with_cache


def test_another_size_is_decoded_but_not_opened_to_look_at(images, opened):
    everything = sorted(os.listdir(images))
    result(images, SIDE)
    opened()
    small = result(images, SIDE // 2)
    assert opened() == [[], everything]
    assert result(images, SIDE // 2) == small
    assert opened() == [[], []]
    result(images, SIDE // 2, 1)
    assert opened() == [[], everything]


def test_a_file_that_breaks_later_is_told(images):
    result(images, SIDE)
    (images / "07.png").write_bytes((images / "07.png").read_bytes()[:60])
    with pytest.raises(UserError, match=r"07\.png cannot be read as an image"):
        result(images, SIDE)


def test_a_fresh_file_may_change_again_at_the_same_time(images, opened, monkeypatch):
    monkeypatch.setattr(known_images, "FRESH", 3600)
    everything = sorted(os.listdir(images))
    for _ in range(2):
        result(images, SIDE)
        assert opened() == [everything, everything]


def test_a_file_that_changes_while_it_is_read_is_not_known(images, monkeypatch):
    """Its stamp is from before, when it was fresh, however long reading took."""
    monkeypatch.setattr(known_images, "FRESH", 3600)
    with known_images.KnownImages(images) as known:
        path = images / "00.bmp"
        stamp = known.stamp(path)
        monkeypatch.setattr(known_images, "FRESH", -1)  # time has passed
        known.keep(path, "file", stamp, "what it was")
        assert stamp is None and known.find(path, "file", known.stamp(path)) is None


def test_a_folder_that_is_not_there_leaves_no_cache(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        read_folder(tmp_path / "mistyped", SIDE)
    assert not list(Path(os.environ["XDG_CACHE_HOME"]).rglob("*"))


def database(images):
    (path,) = (images.parent / "cache" / "genai_keras").iterdir()
    return path


@pytest.mark.parametrize("damage", ["truncated", "foreign", "other table", "rows", "locked"])
def test_a_cache_that_cannot_be_used_changes_nothing(images, damage, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(images.parent / "cache"))
    expected = result(images, SIDE)
    path = database(images)
    lock = sqlite3.connect(path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "foreign":
        path.write_bytes(b"no database" * 1000)
    elif damage == "other table":
        lock.execute("drop table known")
        lock.execute("create table known (something int)")
    elif damage == "rows":
        lock.execute("update known set facts = '[[3'")
    else:
        monkeypatch.setattr(known_images, "PATIENCE", 0.01)
        lock.execute("begin exclusive")
    if damage in ("other table", "rows"):
        lock.commit()
    assert result(images, SIDE) == expected
    assert capsys.readouterr() == ("", "")
    lock.close()


@pytest.mark.parametrize("place", ["file", "read-only", "no home", "no sqlite"])
def test_without_a_folder_for_caches_nothing_is_known(images, place, monkeypatch, opened):
    everything = sorted(os.listdir(images))
    where = images.parent / "place"
    if place == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr("pathlib.Path.expanduser", no_home)
    elif place == "no sqlite":
        monkeypatch.setattr(known_images, "sqlite3", None)
    elif place == "file":
        where.write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(where))
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", str(where))
        monkeypatch.setattr("pathlib.Path.mkdir", denied)
    for _ in range(2):
        result(images, SIDE)
        assert opened() == [everything, everything]


def no_home(path):
    raise RuntimeError("Could not determine home directory.")  # as of Python


def denied(*arguments, **options):
    raise PermissionError("read-only")


def test_names_that_are_no_text_are_known_too(images, opened):
    name = os.fsdecode(b"\xff\xfe.png")
    draw(images / name, 50)
    result(images, SIDE)
    assert name in opened()[0]
    result(images, SIDE)
    assert opened() == [[], []]
