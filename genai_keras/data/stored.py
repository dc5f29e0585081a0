"""Arrays that stay in their files: of each batch, only its images are read.

They are read and not mapped. When a disk fails, or a file becomes shorter, a memory map ends the
process without a word; reading raises an error, and a run keeps its checkpoint.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from genai_keras.data.array_checks import image_shape, read_header, to_uint8
from genai_keras.errors import UserError, one_line


class StoredArray:
    """An array in a `.npy` file. A slice or an array of indices is read from the file.

    Args:
        path: of the file.

    Raises:
        ValueError: it is no array of real numbers, row by row, or it is damaged.
    """

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.shape, in_columns, self.dtype = read_header(path.name, file)
            self._start, self._stamp = file.tell(), stamp_of(file)
        size = self._stamp[0] - self._start
        if min(self.shape, default=0) < 1 or math.prod(self.shape) * self.dtype.itemsize != size:
            raise ValueError(f"{path.name} claims the shape {self.shape} with {size} bytes")
        if in_columns and len(self.shape) > 1:
            raise ValueError(
                f"{path.name} is stored in columns: save it with numpy.ascontiguousarray"
            )

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        """`(n, *shape[1:])`, the rows of a slice or of an array of indices.

        Raises:
            UserError: the file has changed since it was opened, or it cannot be read.
        """
        if isinstance(index, slice):
            first, last, _ = index.indices(len(self))
            runs = [(first, last - first)]
        else:
            runs = [(row, 1) for row in index.tolist()]
        rows = np.empty((sum(count for _, count in runs), *self.shape[1:]), self.dtype)
        size, view, place = rows.nbytes // max(len(rows), 1), memoryview(rows).cast("B"), 0
        try:
            with open(self.path, "rb", buffering=0) as file:
                same = stamp_of(file) == self._stamp
                for row, count in runs if same else ():
                    file.seek(self._start + row * size)
                    end = place + count * size
                    while place < end and same:
                        got = file.readinto(view[place:end])
                        place, same = place + got, got > 0
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {one_line(error)}") from None
        if not same:
            raise UserError(f"{self.path} has changed since it was opened: start again")
        return rows


class StoredImages:
    """The images in a `StoredArray`; a slice or indices give `(n, height, width, channels)` uint8.

    Args:
        name: of the array, for messages.
        array: the `StoredArray`, whose values are those of `check_values`.

    Raises:
        ValueError: these are no images.
    """

    def __init__(self, name, array):
        self.shape = (len(array), *image_shape(name, array.shape))
        self._array = array

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        return to_uint8(self._array[index]).reshape(-1, *self.shape[1:])


@dataclass(frozen=True)
class StoredPart:
    """Stored images for training or for validation.

    Args:
        images: the `StoredImages`.
        shape: `(height, width, channels)` of each, once it is converted.
        convert: a function of a batch of them that returns `(batch, *shape)` uint8, or None.
        order: places of the images to use, in order; None for all.
        summary: what was read, with `lines()`, or None.
    """

    images: StoredImages
    shape: tuple[int, int, int]
    convert: Callable | None = None
    order: np.ndarray | None = None
    summary: object = None
    pixels: None = None  # they are not in memory

    def __len__(self):
        return len(self.images if self.order is None else self.order)

    def fetch(self, indices):
        """`(batch,)` int64 -> `(batch, height, width, channels)` uint8, a TensorFlow function."""

        def read(indices):
            images = self.images[indices if self.order is None else self.order[indices]]
            return self.convert(images) if self.convert else images

        return from_files(read, indices, self.shape)


def from_files(read, indices, shape):
    """What a Python function of indices returns, `(batch, *shape)` uint8, as a tensor."""
    pixels = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
    return tf.ensure_shape(pixels, (None, *shape))


def stamp_of(file):
    """Size and time of an open file: if it has others, it has changed."""
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
