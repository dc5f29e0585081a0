"""What arrays of images and labels must be like, and how their images become uint8."""

import numpy as np
from PIL import Image

MOST_CLASSES = 10_000  # if their number is not known
CHUNK = 1024  # number of images to look at at once


def read_header(name, file):
    """Shape, whether it is stored in columns, and type of an array in the .npy format.

    Args:
        name: of the array, for messages.
        file: an open file at its beginning; it is left where the values begin.

    Raises:
        ValueError: it is no such file, or not of real numbers.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} has version {version} of the .npy format")
    read = np.lib.format.read_array_header_1_0
    if version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read(file)
    if dtype.kind not in "buif":
        raise ValueError(f"{name} has type {dtype}, which is not a type of real numbers")
    return shape, in_columns, dtype


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


def to_images(name, array):
    """`(n, height, width, channels)` uint8, without a copy if it is already uint8."""
    shape = image_shape(name, array.shape)
    check_values(name, array)
    array = array.reshape(len(array), *shape)
    if array.dtype == "uint8":
        return array
    pixels = np.empty(array.shape, "uint8")
    for start in range(0, len(array), CHUNK):
        pixels[start : start + CHUNK] = to_uint8(array[start : start + CHUNK])
    return pixels


def image_shape(name, shape):
    """`(height, width, channels)` of the images in an array of this shape.

    Raises:
        ValueError: it is not the shape of images.
    """
    if len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)):
        raise ValueError(
            f"{name} has the shape {shape}, instead of (n, height, width) or "
            "(n, height, width, 1 or 3)"
        )
    return (*shape[1:], 1)[:3]


def check_values(name, array):
    """Raises a `ValueError` if an array has values that are not those of images.

    Args:
        name: of the array, for messages.
        array: anything with a `dtype` and a length that returns slices as NumPy arrays. They are
            read one by one, and of uint8 only as many as it takes to find a value above 1.
    """
    if array.dtype == bool:
        return
    whole = array.dtype.kind in "ui"
    most, wanted = (255, "0 to 255") if whole else (1, "0 to 1, as floats must")
    largest = 0
    for start in range(0, len(array), CHUNK):
        some = array[start : start + CHUNK]
        _find_bad((some >= 0) & (some <= most), some, name, start, wanted)
        largest = max(largest, some.max())
        if array.dtype == "uint8" and largest > 1:
            return
    if whole and largest == 1:
        raise ValueError(
            f"{name} has only the values 0 and 1: save black and white as bool, or as 0 and 255"
        )


def to_uint8(images):
    """Images with values that `check_values` lets pass, as uint8 pixels of the same shape."""
    if images.dtype == bool:
        return images * np.uint8(255)
    if images.dtype.kind == "f":
        images = np.rint(images * 255.0)
    return images.astype("uint8", copy=False)


def conform(pixels, size, channels):
    """Resizes `(n, height, width, channels)` and converts to grey or colour, if requested."""
    n, height, width, depth = pixels.shape
    size, channels = size or (height, width), channels or depth
    size = (size, size) if isinstance(size, int) else size
    if (*size, channels) == (height, width, depth):
        return pixels
    mode = "L" if channels == 1 else "RGB"
    result = np.empty((n, *size, channels), "uint8")
    for target, source in zip(result, pixels, strict=True):
        image = Image.fromarray(source[..., 0] if depth == 1 else source).convert(mode)
        image = image.resize(size[::-1], Image.Resampling.LANCZOS)
        target[:] = np.asarray(image).reshape(target.shape)
    return result


def to_labels(name, array, classes):
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


def count_classes(labels):
    """The number of classes, each of which must be among the training labels."""
    if labels is None:
        return MOST_CLASSES
    found = np.unique(to_labels("y_train", labels, MOST_CLASSES))
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
