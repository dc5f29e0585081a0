"""Files that are there whole or not at all."""

import contextlib
import os

from genai_keras.errors import UserError


@contextlib.contextmanager
def whole_file(path):
    """Gives a path to write to, and moves what was written to `path` once it is complete.

    A crash leaves what was there before; what was begun is called `unfinished-...`, and is removed
    unless the process itself is killed.

    Raises:
        UserError: there is no such folder.
    """
    check_folder(path)
    unfinished = path.with_name(f"unfinished-{path.name}")
    try:
        yield unfinished
        _flush(unfinished, os.O_RDWR)  # on the disk, not only in the system's memory
        os.replace(unfinished, path)
        if os.name == "posix":  # elsewhere a folder cannot be flushed
            _flush(path.parent, os.O_RDONLY)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path, text):
    """Writes a text in UTF-8 as a whole file."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def check_folder(path):
    """Raises a `UserError` if a file cannot be written to `path` since there is no such folder."""
    if not path.parent.is_dir():
        raise UserError(f"{path.parent} is no folder: make it first, or name another")


def _flush(path, mode):
    number = os.open(path, mode)
    try:
        os.fsync(number)
    finally:
        os.close(number)
