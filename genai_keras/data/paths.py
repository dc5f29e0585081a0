"""Many paths in little memory."""

import os
from collections.abc import Sequence
from pathlib import Path


class Paths(Sequence):
    """A list of paths that is kept as texts: a `Path` takes several times the memory.

    Args:
        paths: paths or texts.
    """

    def __init__(self, paths=()):
        self.texts = [os.fspath(path) for path in paths]

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, index):
        found = self.texts[index]
        return Paths(found) if isinstance(index, slice) else Path(found)

    def __eq__(self, other):
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    def __repr__(self):
        return f"Paths({self.texts!r})"

    def append(self, path):
        """Adds a path, or a text."""
        self.texts.append(os.fspath(path))
