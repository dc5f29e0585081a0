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

from genai_keras.errors import UsageError, UserError, one_line

MOST_BYTES = 1 << 31  # of one array; a header that claims more is damaged or malicious
MOST_EXPANSION = 1032  # the largest factor by which a gzip or zip file can expand
MOST_CLASSES = 10_000  # if their number is not known
CHUNK = 1024  # number of images to convert at once


def read_npz(path, classes=None):
    """Reads `x_train`, `x_test` and, if they exist, `y_train` and `y_test`.

    Images are `(n, height, width)` or `(n, height, width, 1 or 3)`: integers from 0 to 255, of any
    type; floats from 0 to 1, scaled by 255 and rounded; or bool, True for white. Labels are
    integers, also of any type, `(n,)` or `(n, 1)`.

    Args:
        path: path of the file.
        classes: number of classes of the labels; None is as many as there are.

    Returns:
        `(train, test, train_labels, test_labels)`, uint8; labels may be None, and those of more
        than 256 classes are int64.
    """
    if path is None:
        raise UsageError("`dataset=npz` needs `data_dir`, your .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _read_member(archive, name) for name in ("x_train", "x_test")}
            for name in ("y_train", "y_test"):
                arrays[name] = _read_member(archive, name, needed=False)
        parts = [_to_images(name, arrays[name]) for name in ("x_train", "x_test")]
        if classes is None:
            classes = _count_classes(arrays["y_train"])
        labels = [_to_labels(name, arrays[name], classes) for name in ("y_train", "y_test")]
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
        return _to_labels("label", values, classes) if rank == 1 else values
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
        labels = _to_labels("label", records[:, 0], classes)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from None
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def check_parts(train, test, train_labels, test_labels):
    """Returns the four arrays if all images have one shape and all or none have labels.

    Raises:
        ValueError: the arrays do not fit together.
    """
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(
            f"its training images are {_times(train)} and its test images {_times(test)}"
        )
    for images, labels in ((train, train_labels), (test, test_labels)):
        if labels is not None and len(labels) != len(images):
            raise ValueError(f"it has {len(labels)} labels for {len(images)} images")
    return train, test, train_labels, test_labels


def _read_member(archive, name, needed=True):
    """An array of an npz that is not pickled, has the claimed size and the right checksum."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        if needed:
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
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} has version {version} of the .npy format")
    read_header = np.lib.format.read_array_header_1_0
    if version == (2, 0):
        read_header = np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read_header(file)
    if dtype.kind not in "buif":
        raise ValueError(f"{name} has type {dtype}, which is not a type of real numbers")
    start = file.tell()
    claimed = math.prod(shape) * dtype.itemsize
    if min(shape, default=1) < 0 or claimed != len(data) - start:
        raise ValueError(f"{name} claims the shape {shape} with {len(data) - start} bytes")
    if not claimed:
        raise ValueError(f"{name} is empty: its shape is {shape}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="FC"[not in_columns])


def _to_images(name, array):
    """`(n, height, width, channels)` uint8, without a copy if it is already uint8."""
    if array.ndim not in (3, 4) or array.shape[3:] not in ((), (1,), (3,)):
        raise ValueError(
            f"{name} has the shape {array.shape}, instead of (n, height, width) or "
            "(n, height, width, 1 or 3)"
        )
    array = array.reshape(*array.shape[:3], -1)
    if array.dtype == bool:
        return array * np.uint8(255)
    if array.dtype.kind in "ui" and array.max() == 1:
        raise ValueError(
            f"{name} has only the values 0 and 1: save black and white as bool, or as 0 and 255"
        )
    if array.dtype == "uint8":
        return array
    most, wanted = (1, "0 to 1, as floats must") if array.dtype.kind == "f" else (255, "0 to 255")
    pixels = np.empty(array.shape, "uint8")
    for start in range(0, len(array), CHUNK):
        some = array[start : start + CHUNK]
        _find_bad((some >= 0) & (some <= most), some, name, start, wanted)
        pixels[start : start + CHUNK] = np.rint(some * 255.0) if most == 1 else some
    return pixels


def _to_labels(name, array, classes):
    """`(n,)` uint8 or int64, below `classes`."""
    if array is None:
        return None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{name} has the shape {array.shape}, instead of one label per image")
    good = (array >= 0) & (array < classes)
    if array.dtype.kind == "f":
        good &= array == np.rint(array)
    _find_bad(good, array, name, 0, f"an integer from 0 to {classes - 1}")
    return array.astype("uint8" if classes <= 256 else "int64", copy=False)


def _count_classes(labels):
    """The number of classes, each of which must be among the training labels."""
    if labels is None:
        return MOST_CLASSES
    found = np.unique(_to_labels("y_train", labels, MOST_CLASSES))
    if len(found) <= found[-1]:
        missing = np.setdiff1d(np.arange(found[-1]), found)[0]
        raise ValueError(
            f"y_train has the label {found[-1]}, but not {missing}: number all classes from 0"
        )
    return len(found)


def _find_bad(good, values, name, start, wanted):
    if good.all():
        return
    place = np.unravel_index(np.argmin(good), good.shape)  # the first False
    raise ValueError(f"{name}[{start + place[0]}] contains {values[place]}, not {wanted}")


def _times(images):
    return " x ".join(map(str, images.shape[1:]))
