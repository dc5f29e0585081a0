"""Readers of images and labels in npz, idx and CIFAR-10 files, which check everything.

They return arrays that are ready for training: uint8, not empty, of one shape, with labels from 0.
Anything else is a `UserError` that names the file and, where possible, the array and the first bad
sample.
"""

import gzip
import io
import math
import struct
import zipfile

import numpy as np

from genai_keras.data.array_checks import (
    check_parts,
    check_values,
    count_classes,
    read_header,
    to_images,
    to_labels,
)  # fmt: skip
from genai_keras.data.stored import StoredArray, StoredImages
from genai_keras.errors import UsageError, UserError, one_line

NAMES = ("x_train", "x_test", "y_train", "y_test")  # of which the labels may be missing
MOST_BYTES = 1 << 31  # of one array; a header that claims more is damaged or malicious
MOST_EXPANSION = 1032  # the largest factor by which a gzip or zip file can expand


def read_npz(path, classes=None):
    """Reads `x_train`, `x_test` and, if they exist, `y_train` and `y_test`.

    Images are `(n, height, width)` or `(n, height, width, 1 or 3)`: integers from 0 to 255, of any
    type; floats from 0 to 1, scaled by 255 and rounded; or bool, True for white. Labels are
    integers, also of any type, `(n,)` or `(n, 1)`.

    Args:
        path: path of the file; or of a folder with the same arrays, each in a `.npy` file.
        classes: number of classes of the labels; None is as many as there are.

    Returns:
        `(train, test, train_labels, test_labels)`, uint8; images in a folder stay there, as
        `StoredImages`. Labels may be None, and those of more than 256 classes are int64.
    """
    if path is None:
        raise UsageError("`dataset=npz` needs `data_dir`, your .npz file or a folder of .npy files")
    try:
        if path.is_dir():
            arrays = {name: _open_member(path, name) for name in NAMES}
            images_in = _open_images
        else:
            images_in = to_images
            with zipfile.ZipFile(path) as archive:
                arrays = {name: _read_member(archive, name) for name in NAMES}
        parts = [images_in(name, arrays[name]) for name in NAMES[:2]]
        if classes is None:
            classes = count_classes(arrays["y_train"])
        labels = [to_labels(name, arrays[name], classes) for name in ("y_train", "y_test")]
        return check_parts(*parts, *labels)
    except Exception as error:  # zip, zlib and NumPy raise errors of many types
        raise UserError(f"{path} does not contain images as expected: {one_line(error)}") from None


def read_idx(path, rank, classes=None):
    """Reads an idx file, gzipped or not: 2048 + rank, the shape, the bytes.

    Args:
        path: path of the file.
        rank: 3 for images, 1 for labels.
        classes: number of classes of the labels.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        most = min(MOST_BYTES, MOST_EXPANSION * path.stat().st_size)
        with opener(path, "rb") as file:
            start = file.read(4 + 4 * rank)
            if len(start) < 4 + 4 * rank:
                raise ValueError(f"it ends after {len(start)} bytes, within its header")
            magic, *shape = struct.unpack(f">{1 + rank}i", start)
            if magic != 2048 + rank:
                raise ValueError(f"it starts with {magic} instead of {2048 + rank}")
            count = math.prod(shape)
            if min(shape) < 1 or count > most:
                raise ValueError(f"its header claims the shape {tuple(shape)}")
            data = file.read(count + 1)  # one byte more, to reach the end and the checksum
        if len(data) != count:
            raise ValueError(
                f"it has {'more' if len(data) > count else 'fewer'} bytes than the {count} of "
                f"{tuple(shape)}"
            )
        values = np.frombuffer(data, "uint8").reshape(shape)
        return to_labels("label", values, classes) if rank == 1 else values
    except Exception as error:  # from gzip, zlib or the file system
        raise UserError(
            f"{path} is not such an idx file, or it is damaged: {one_line(error)}"
        ) from None


def read_cifar_file(path, classes):
    """A label, one of `classes`, and 3 x 32 x 32 bytes, channel by channel, for each image."""
    try:
        data = np.fromfile(path, "uint8")
        if not data.size or data.size % 3073:
            raise ValueError(f"{data.size} bytes are not a multiple of 3,073")
        records = data.reshape(-1, 3073)
        labels = to_labels("label", records[:, 0], classes)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from None
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _open_images(name, array):
    check_values(name, array)
    return StoredImages(name, array)


def _open_member(folder, name):
    """Images in a `.npy` file, as a `StoredArray`; labels, as an array, or None."""
    path = folder / f"{name}.npy"
    if not path.exists() and name.startswith("y"):
        return None
    if not path.exists():
        raise ValueError(f"it has no {path.name}")
    array = StoredArray(path)
    return array[:] if name.startswith("y") else array


def _read_member(archive, name):
    """An array of an npz that is not pickled, has the claimed size and the right checksum."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        if name.startswith("x"):
            raise ValueError(f"it has no array {name}") from None
        return None
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is not compressed as NumPy does it")  # without a limit
    if info.file_size > MOST_BYTES:
        raise ValueError(
            f"{name} has {info.file_size:,} bytes, but at most {MOST_BYTES:,} are allowed"
        )
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)  # at the end, zipfile compares the checksum
    file = io.BytesIO(data)
    shape, in_columns, dtype = read_header(name, file)
    start = file.tell()
    claimed = math.prod(shape) * dtype.itemsize
    if min(shape, default=1) < 0 or claimed != len(data) - start:
        raise ValueError(f"{name} claims the shape {shape} with {len(data) - start} bytes")
    if not claimed:
        raise ValueError(f"{name} is empty: its shape is {shape}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="FC"[not in_columns])
