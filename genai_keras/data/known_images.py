"""What is known of the images of a folder since they were last read, in the user's cache folder."""

import hashlib
import json
import os
import sqlite3
import time
from pathlib import Path

import PIL

VERSION = 1  # of what is known; raised when decoding changes
FRESH = 2.0  # seconds in which a file may change again without another time
PATIENCE = 1.0  # seconds to wait for another process


class KnownImages:
    """Facts about image files, as long as the files do not change; a context manager.

    A file has not changed if its size and its times are the same. Without a folder for caches that
    can be written to, nothing is known, and nothing is said.

    Args:
        folder: the folder of images; None knows nothing.
    """

    def __init__(self, folder=None):
        self.database = None
        if folder is None:
            return
        whose = f"{os.path.realpath(folder)}\0{PIL.__version__}\0{VERSION}"
        name = hashlib.sha256(os.fsencode(whose)).hexdigest()[:16]
        try:
            path = _cache_folder() / f"images-{name}.sqlite"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.database = sqlite3.connect(path, timeout=PATIENCE)
            self._run(
                "create table if not exists known "
                "(path blob, what text, stamp text, facts text, primary key (path, what))"
            )
        except (OSError, RuntimeError, sqlite3.Error):  # RuntimeError: there is no home folder
            self._give_up()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.database:
            try:
                self.database.commit()
                self.database.close()
            except sqlite3.Error:
                self._give_up()

    def find(self, path, what):
        """What was kept of a file, or None if it has changed since."""
        if not self.database:
            return None
        row = self._run(
            "select stamp, facts from known where path = ? and what = ?", os.fsencode(path), what
        )
        if not row or row[0] != _stamp(path):
            return None
        try:
            return json.loads(row[1])
        except ValueError:  # damaged
            return None

    def keep(self, path, what, facts):
        """Keeps facts about a file.

        Args:
            path: of the file.
            what: a name for this kind of facts.
            facts: anything that JSON can hold.
        """
        if not self.database:
            return
        stamp = _stamp(path)
        if stamp and time.time_ns() - max(map(int, stamp.split()[1:])) > FRESH * 1e9:
            row = os.fsencode(path), what, stamp, json.dumps(facts)
            self._run("insert or replace into known values (?, ?, ?, ?)", *row)

    def _run(self, statement, *values):
        """The first row of the result, or None."""
        try:
            return self.database.execute(statement, values).fetchone()
        except sqlite3.Error:  # damaged, locked by another process, or the disk is full
            self._give_up()

    def _give_up(self):
        if self.database:
            self.database.close()
        self.database = None


def _cache_folder():
    chosen = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(chosen or "~/.cache").expanduser() / "genai_keras"


def _stamp(path):
    """Size and times of a file, as a text; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
