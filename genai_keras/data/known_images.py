"""What is known of the images of a folder since they were last read, in the user's cache folder."""

import hashlib
import json
import os
import time
from pathlib import Path

import PIL

try:
    import sqlite3
except ImportError:  # a Python that was built without it
    sqlite3 = None

VERSION = 1  # of what is known; raised when decoding changes
FRESH = 2.0  # seconds in which a file may change again without another time
AT_ONCE = 1_000  # rows to write
CREATE = """create table if not exists known
    (what text, path blob, stamp text, facts text, primary key (what, path)) without rowid"""
SELECT = "select path, stamp, facts from known where what = ?"
INSERT = "insert or replace into known values (?, ?, ?, ?)"
PATIENCE = 1.0  # seconds to wait for another process


class KnownImages:
    """Facts about image files, as long as the files do not change; a context manager.

    A file has not changed if its size and its times are the same. Without a folder for caches that
    can be written to, nothing is known, and nothing is said.

    Args:
        folder: the folder of images; None knows nothing.
    """

    def __init__(self, folder=None):
        self.database, self.rows = None, []
        self.what, self.known = None, {}
        if sqlite3 is None or folder is None or not os.path.isdir(folder):
            return
        whose = f"{os.path.realpath(folder)}\0{PIL.__version__}\0{VERSION}"
        name = hashlib.sha256(os.fsencode(whose)).hexdigest()[:16]
        try:
            path = _cache_folder() / f"images-{name}.sqlite"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.database = sqlite3.connect(path, timeout=PATIENCE)
            self.database.execute(CREATE)
        except (OSError, RuntimeError, sqlite3.Error):  # RuntimeError: there is no home folder
            self._give_up()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self._write()
        if self.database:
            self.database.close()

    def stamp(self, path):
        """Size and times of a file, as a text; None if it is fresh or nothing can be kept."""
        try:
            found = os.stat(path) if self.database else None
        except OSError:
            return None
        if not found or time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < FRESH * 1e9:
            return None
        return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"

    def find(self, path, what, stamp):
        """What was kept of a file with this stamp, or None."""
        if what != self.what:  # all at once, because single queries cost more than a small image
            self.what, self.known = what, {}
            for key, *found in self._rows(what):
                self.known[key] = "|".join(found)  # a text takes less memory
        known, _, facts = self.known.get(os.fsencode(path), "").partition("|")
        try:
            return json.loads(facts) if stamp and known == stamp else None
        except ValueError:  # damaged
            return None

    def keep(self, path, what, stamp, facts):
        """Keeps facts about a file.

        Args:
            path: of the file.
            what: a name for this kind of facts.
            stamp: of the file, from before it was read.
            facts: anything that JSON can hold.
        """
        if self.database and stamp:
            self.rows.append((what, os.fsencode(path), stamp, json.dumps(facts)))
            if len(self.rows) == AT_ONCE:
                self._write()

    def _rows(self, what):
        try:
            yield from self.database.execute(SELECT, (what,)) if self.database else ()
        except sqlite3.Error:
            self._give_up()

    def _write(self):
        rows, self.rows = self.rows, []
        if self.database:
            try:
                self.database.executemany(INSERT, rows)
                self.database.commit()
            except sqlite3.Error:  # damaged, locked by another process, or the disk is full
                self._give_up()

    def _give_up(self):
        if self.database:
            self.database.close()
        self.database = None


def _cache_folder():
    chosen = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(chosen or "~/.cache").expanduser() / "genai_keras"
