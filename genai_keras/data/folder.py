"""A folder of the user's own images, of any size and kind, in two parts that share no image."""

import functools
import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from genai_keras.data.folder_listing import find_images
from genai_keras.data.folder_summary import FolderSummary
from genai_keras.data.image_decoding import WHITE, decode, decode_image, fitted, largest_value
from genai_keras.data.known_images import KnownImages
from genai_keras.data.labels import divided_by_class
from genai_keras.data.paths import Paths
from genai_keras.data.stored import from_files
from genai_keras.errors import UserError, one_line

MEMORY = 1 << 29  # bytes of decoded images to keep in memory; larger folders are streamed
FOR_THREADS = 100_000  # pixels of an image from which on threads cost less than they gain
DIGEST = 32  # bytes of a hash
STRIP = 1 << 20  # pixels to copy at once
AT_ONCE = 1_000  # images to give to the threads
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners put into files of 16


@dataclass(frozen=True)
class FolderPart:
    """The images of a folder for training or for validation.

    Args:
        paths: their files, in order.
        shape: `(height, width, channels)` of each.
        summary: what was found in the whole folder.
        pixels: `(len(paths), height, width, channels)` uint8; None if the folder is larger than
            memory, so that images are decoded each time they are fetched.
    """

    paths: Paths
    shape: tuple[int, int, int]
    summary: FolderSummary
    pixels: np.ndarray | None = None

    def __len__(self):
        return len(self.paths)

    def fetch(self, indices):
        """`(batch,)` int64 -> `(batch, height, width, channels)` uint8, a TensorFlow function."""

        def decode(indices):
            white = self.summary.white
            return np.stack([decode_image(self.paths[i], self.shape, white) for i in indices])

        return from_files(decode, indices, self.shape)


def read_folder(data_dir, size, channels=None, limit=None, labels_of=None):
    """Reads the images under a folder, nine tenths for training and one tenth for validation.

    The part of an image depends on a hash of its pixels. So images that are equal, whatever their
    files are, are always in the same part, and new images move only a few of the others. Images
    are also equal if they are so once they are scaled. With labels, it is a tenth of each class.

    Args:
        data_dir: the folder; see `find_images`.
        size: side in pixels; an image is scaled to cover the square, then cropped at its centre.
        channels: 1, 3, or None for colour if any image is in colour.
        limit: largest number of images to read.
        labels_of: a function of paths and the folder, as in `labels.py`; None reads no labels.

    Returns:
        `((training, validation), labels, names)`: two `FolderPart`s, a pair of the labels of both,
        `(n,)` int64 or None, and the names of the classes.

    Raises:
        UserError: the folder does not exist, has too few images, has some that cannot be read, or
            all are equal.
    """
    with KnownImages(data_dir) as known:
        summary = find_images(data_dir, limit, known)
        labels, names = np.zeros(len(summary.paths), int), ()
        if labels_of:
            labels, names = labels_of(summary.paths, data_dir)
        broken = {}  # reasons by path
        summary.white = _white(summary, broken)
        shape = (size, size, channels or (3 if summary.in_colour else 1))
        in_memory = len(summary.paths) * math.prod(shape) <= MEMORY
        keys, images = _examine_all(summary, shape, broken, None if in_memory else known)
    for_validation = _choose_for_validation(keys, labels)
    sides = [np.flatnonzero(for_validation == chosen) for chosen in (False, True)]
    parts = tuple(_part(summary, shape, images, side) for side in sides)
    return parts, [labels[side] if labels_of else None for side in sides], names


def _part(summary, shape, images, places):
    paths = Paths(summary.paths.texts[i] for i in places)
    if images is None:
        return FolderPart(paths, shape, summary)
    pixels = np.empty((len(places), *shape), "uint8")
    for target, place in zip(pixels, places, strict=True):
        target[:] = images[place]  # a grey image is copied to each of three channels
    return FolderPart(paths, shape, summary, pixels)


def _white(summary, broken):
    """The value of white in 16 bits: that of the fewest bits that hold all values of the folder."""
    if not summary.deep:
        return WHITE
    summary.largest = max(each_image(largest_value, summary.deep, summary, broken), default=0)
    return next(2**bits - 1 for bits in DEPTHS if summary.largest < 2**bits)


def _examine_all(summary, shape, broken, known=None):
    """Decodes all images once, or those of which `known` does not have the hashes.

    Returns:
        The keys of the images, a list of bytes; and their pixels, or None with `known`.
    """
    smallest, keys, images = {}, [], []
    examine = functools.partial(_examine, shape=shape, white=summary.white)
    if known:
        found, images = _hashes(examine, shape, summary, broken, known), None
    else:
        found = each_image(examine, summary.paths, summary, broken)
    for whole, scaled, pixels in found:
        smallest[scaled] = min(whole, smallest.get(scaled, whole))
        keys.append(scaled)
        if images is not None:
            images.append(pixels)
    summary.check_broken(sorted(broken.items()))
    summary.copies = len(keys) - len(smallest)
    return [smallest[key] for key in keys], images


def _hashes(examine, shape, summary, broken, known):
    """Yields what `_examine` returns for each image, without pixels."""
    what = f"{shape} {summary.white}"

    def of_one(path):
        stamp = known.stamp(path)  # before it is read
        whole, scaled, _ = examine(path)
        return path, stamp, whole + scaled

    def look_up(path):
        found = known.find(path, what, known.stamp(path))
        return found and bytes.fromhex(found)

    paths = summary.paths
    both = [look_up(path) for path in paths.texts]
    places = [place for place, found in enumerate(both) if not found]
    new, places = Paths(paths.texts[place] for place in places), iter(places)
    for path, stamp, found in each_image(of_one, new, summary, broken):
        place = next(place for place in places if paths[place] == path)  # after the broken ones
        both[place] = found
        known.keep(path, what, stamp, found.hex())
    for found in both:
        if found:  # it is not broken
            yield found[:DIGEST], found[DIGEST:], None


def _examine(path, shape, white):
    """Hashes of an image's pixels, as they are and once scaled; and the pixels once scaled.

    They have one channel if they are grey.
    """
    height, width, channels = shape
    image = decode(path, white)
    # Grey with a profile of colours may not be grey.
    kept = image.convert("L") if channels == 1 and image.mode != "L" else image
    kept = fitted(kept, (width, height))
    pixels = np.asarray(kept).reshape(height, width, -1)
    whole = _digest(image.size, [pixels] if kept is image else _strips(image))
    if pixels.shape[-1] == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1].copy()
    return whole, hashlib.sha256(pixels).digest(), pixels


def _strips(image):
    width, height = image.size
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        yield np.asarray(strip.convert("RGB"))


def _digest(size, strips):
    """A hash of all pixels, equal for a grey image and the same one in RGB."""
    digest = hashlib.sha256(repr(size).encode())
    for strip in strips:
        digest.update(strip if strip.shape[-1] == 3 else strip.repeat(3))
    return digest.digest()


def each_image(function, paths, summary, broken):
    """Yields what a function returns for each image that can be read, in order.

    The reasons why the others cannot be read are added to `broken`, by path. Large images are worth
    threads, as Pillow decodes without the lock.
    """

    def attempt(path):
        try:
            return function(path)
        except Exception as error:  # Pillow raises errors of many types
            broken[path] = one_line(error)

    area = sum(width * height * count for (width, height), count in summary.sizes.items())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        over = map if area < FOR_THREADS * len(summary.paths) else pool.map
        for start in range(0, len(paths), AT_ONCE):  # a pool keeps all that it is given
            results = over(attempt, paths[start : start + AT_ONCE])
            yield from (result for result in results if result is not None)


def _choose_for_validation(keys, labels):
    """A tenth of the different images of each class, never all: those with the smallest keys."""
    if len(set(keys)) < 2:
        raise UserError(
            f"all {len(keys):,} images are copies of one image: validation needs a second one"
        )
    return np.array(divided_by_class(keys, labels))
