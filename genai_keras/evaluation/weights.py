"""Files of weights: arrays by name in a `.npz`, written whole and read with suspicion."""

import io
import struct
import zipfile
import zlib

import numpy as np

from genai_keras.errors import one_line
from genai_keras.files import whole_file

# What damaged files and files of another kind raise while they are read and used.
DAMAGE = (
    EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, struct.error,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def write_arrays(path, arrays):
    """Writes arrays by name to a `.npz` file: equal ones give equal bytes."""
    with whole_file(path) as unfinished, open(unfinished, "wb") as file:
        np.savez_compressed(file, **arrays)


def read_arrays(path, use):
    """The result of `use` of the dictionary of arrays in a file of `write_arrays`.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is damaged or of another kind, or `use` failed on its arrays.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return use({name: file[name] for name in file.files})
    except DAMAGE as error:
        raise ValueError(one_line(error)) from None
