"""A file is complete or does not exist, and what kept it from being written is what is told."""

import errno
import os
from pathlib import Path

import pytest

from genai_keras.errors import UserError
from genai_keras.files import whole_file, write_text


def test_the_former_file_is_there_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "former")
    with pytest.raises(RuntimeError), whole_file(path) as unfinished:
        unfinished.write_text("half of the n", encoding="utf-8")
        assert path.read_text() == "former"
        raise RuntimeError
    assert path.read_text() == "former" and list(tmp_path.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="none is not a folder"):
        write_text(tmp_path / "none" / "a.txt", "text")


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_is_told_with_the_name_of_the_file(function, tmp_path, monkeypatch):
    """The operating system tells the number only."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError) as raised:
        write_text(tmp_path / "a.txt", "text")
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path / "a.txt"))
    assert not list(tmp_path.iterdir())


def test_clean_up_that_fails_as_well_replaces_nothing(tmp_path, monkeypatch):
    def unlink(*_, **__):
        raise PermissionError(errno.EPERM, "not yours")

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(RuntimeError, match="first"), whole_file(tmp_path / "a.txt") as unfinished:
        unfinished.touch()
        raise RuntimeError("first")


def test_an_error_without_a_number_keeps_its_text(tmp_path):
    """Pillow raises such ones."""
    text = "cannot write mode F as PNG"
    with pytest.raises(OSError, match=f"^{text}$"), whole_file(tmp_path / "a.png"):
        raise OSError(text)
