"""Samples, and how to write them to files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from genai_keras.errors import UsageError
from genai_keras.files import whole_file, write_text

MOST_DRAWN = 10_000  # samples in one image


@dataclass(frozen=True)
class Samples:
    """Arrays in parts, so that they may be larger than memory.

    Args:
        count: number of samples.
        parts: arrays with all samples together.
        draw: a function of all samples that returns an image, `(height, width, 3)` uint8.
    """

    count: int
    parts: Iterable
    draw: Callable
    usual_name = "generated.png"

    def save(self, path):
        """Writes the samples as an image (.png), an array (.npy) or numbers (.txt)."""
        if path.suffix != ".npy" and self.count > MOST_DRAWN:
            raise UsageError(
                f"a {path.suffix} file can have at most {MOST_DRAWN:,} samples: use a .npy file"
            )
        with whole_file(path) as unfinished:
            if path.suffix == ".npy":
                _write_npy(unfinished, self.count, self.parts)
            elif path.suffix == ".txt":
                np.savetxt(unfinished, np.concatenate(list(self.parts)), fmt="%.7g")
            else:
                Image.fromarray(self.draw(np.concatenate(list(self.parts)))).save(unfinished)


@dataclass(frozen=True)
class Text:
    """A text, which is printed unless a file is given."""

    text: str
    usual_name = None

    def __str__(self):
        return self.text

    def save(self, path):
        """Writes the text in UTF-8."""
        write_text(path, self.text + "\n")


def _write_npy(path, count, parts):
    """Writes arrays as one array of `count` samples, with only one of them in memory."""
    # Not np.lib.format.open_memmap, which kills the process with SIGBUS on a full disk.
    with open(path, "wb") as file:
        for number, part in enumerate(map(np.ascontiguousarray, parts)):
            if not number:
                header = np.lib.format.header_data_from_array_1_0(part)
                header["shape"] = (count, *part.shape[1:])
                np.lib.format.write_array_header_1_0(file, header)
            file.write(part.data)
