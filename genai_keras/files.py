"""Files and folders that are complete or do not exist."""

import contextlib
import os
import tempfile
from pathlib import Path

from genai_keras.errors import UserError


@contextlib.contextmanager
def whole_file(path):
    """Yields a temporary path to write to, and moves the file to `path` once it is complete.

    After a crash, the previous file is still there. The new file is called `unfinished-...` until
    then, and is removed unless the process itself is killed.

    Raises:
        UserError: the folder does not exist.
    """
    check_folder(path)
    unfinished = path.with_name(f"unfinished-{path.name}")
    try:
        yield unfinished
        _flush(unfinished, os.O_RDWR)  # to the disk, not only to the system's memory
        os.replace(unfinished, path)
        if os.name == "posix":  # elsewhere a folder cannot be flushed
            _flush(path.parent, os.O_RDONLY)
    except BaseException as failure:
        with contextlib.suppress(OSError):  # what failed first is what counts
            unfinished.unlink(missing_ok=True)
        nameless = isinstance(failure, OSError) and failure.filename in (None, str(unfinished))
        if nameless and failure.errno is not None:  # without a number, its text says it all
            failure.filename = str(path)  # a full disk, for one, is told without a name
        raise


@contextlib.contextmanager
def whole_folder(path):
    """Yields a folder to write to, and moves it to `path` once all is written.

    Args:
        path: of the folder, which is new or empty. Folders above it are made.
    """
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    # A folder next to it, so that it moves there in one step.
    with tempfile.TemporaryDirectory(
        prefix="unfinished-", dir=place.parent, ignore_cleanup_errors=True
    ) as unfinished:
        made = Path(unfinished) / place.name
        made.mkdir()
        yield made
        made.replace(place)


def write_text(path, text):
    """Writes a text in UTF-8, completely or not at all."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def check_folder(path):
    """Raises a `UserError` if the folder of the file `path` does not exist."""
    if not path.parent.is_dir():
        raise UserError(f"{path.parent} is not a folder: make it first, or choose another")


def _flush(path, mode):
    number = os.open(path, mode)
    try:
        os.fsync(number)
    finally:
        os.close(number)
