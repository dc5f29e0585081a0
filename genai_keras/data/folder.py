"""A folder of the user's own images, of any size, grey or colour, with or without alpha."""

import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from genai_keras.data.arrays import reason_of
from genai_keras.data.labels import divided_by_class
from genai_keras.errors import UsageError, UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "BMP",
    "GIF",
    "TIFF",
)  # Pillow runs external programs for some others
MOST_PIXELS = 64_000_000  # a small file may claim billions, which would fill the memory
MEMORY = 1 << 30  # bytes of decoded images to keep in memory; larger folders are streamed

# Each image is either read or reported with its problem; warnings of Pillow do not name the file.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True)
class FolderPart:
    """Images that are decoded each time they are fetched, for a folder larger than memory."""

    paths: list[Path]
    shape: tuple[int, int, int]

    def fetch(self, indices):
        """`(batch,)` int64 -> `(batch, height, width, channels)` uint8, a TensorFlow function."""

        def decode(indices):
            return np.stack([decode_image(self.paths[i], self.shape) for i in indices])

        pixels = tf.numpy_function(decode, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(pixels, (None, *self.shape))


def read_folder(data_dir, size, channels=None, limit=None, memory=None, labels_of=None):
    """Reads the images under a folder, nine tenths for training and one tenth for validation.

    The part of an image depends on the hash of its file. So copies of an image are always in the
    same part, and new images move only a few of the others.

    Args:
        data_dir: the folder; its subfolders are read, too.
        size: side in pixels; an image is scaled to cover the square, then cropped at its centre.
        channels: 1, 3, or None for colour if any image is in colour.
        limit: largest number of images to read.
        memory: bytes of pixels above which images are streamed instead of kept; None is 1 GiB.
        labels_of: a function of paths and the folder, as in `labels.py`; None reads no labels.

    Returns:
        `(training, validation)`: two uint8 arrays, or two `FolderPart`s. If labels are read, also a
        pair of the labels of both, `(n,)` int64, and the names of the classes.

    Raises:
        UserError: the folder does not exist, has no images, or has one that cannot be read.
    """
    paths = _find_images(data_dir)
    if limit is not None:
        paths = [paths[i] for i in np.random.default_rng(0).permutation(len(paths))[:limit]]
    labels, names = labels_of(paths, data_dir) if labels_of else (np.zeros(len(paths), int), ())
    with ThreadPoolExecutor() as pool:  # Pillow releases Python's lock while it decodes
        facts = list(pool.map(_examine, paths))
        shape = (size, size, channels or (3 if any(in_colour for _, in_colour in facts) else 1))
        for_validation = _choose_for_validation([key for key, _ in facts], labels)
        labelled = [[labels[np.equal(for_validation, part)] for part in (False, True)], names]
        labelled = labelled if labels_of else []
        parts = [
            [path for path, chosen in zip(paths, for_validation, strict=True) if chosen == wanted]
            for wanted in (False, True)
        ]
        if len(paths) * np.prod(shape) > (MEMORY if memory is None else memory):
            return [*(FolderPart(part, shape) for part in parts), *labelled]
        return [
            np.stack(list(pool.map(lambda path: decode_image(path, shape), part))) for part in parts
        ] + labelled


def decode_image(path, shape):
    """Decodes one image to `(height, width, channels)` uint8; transparent pixels become white."""
    height, width, channels = shape
    with _open(path) as image:
        image = _in_eight_bits(ImageOps.exif_transpose(image))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            paper = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(paper, image)
        image = image.convert("L" if channels == 1 else "RGB")
        image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        return np.asarray(image).reshape(shape)


def _find_images(data_dir):
    if data_dir is None:
        raise UsageError("`dataset=folder` needs `data_dir`, the folder of your images")
    folder = Path(data_dir)
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}: `data_dir` must name the folder of your images"
        )
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if len(paths) < 2:
        kinds = ", ".join(sorted(SUFFIXES))
        found = "fewer than two images" if paths else "no images"
        raise UserError(
            f"there are {found} in {folder}: it needs at least two files of type {kinds}"
        )
    return paths


def _examine(path):
    """Reads a whole file; returns its hash and whether it is in colour."""
    with _open(path) as image:
        if image.format == "PNG":
            image.verify()  # compares checksums, which Pillow does not do otherwise
    with _open(path) as image:
        image.load()
        image = _in_eight_bits(ImageOps.exif_transpose(image))  # should fail now, not in training
        grey = image.mode in ("1", "L", "LA", "La")
    return hashlib.sha256(path.read_bytes()).digest(), not grey


def _in_eight_bits(image):
    """Scales a grey image with more bits to eight bits, where Pillow would clip it."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
    if image.mode not in ("I", "F"):
        return image
    values = np.asarray(image)
    most = 1 if image.mode == "F" else 255
    good = (values >= 0) & (values <= most)
    if not good.all():
        bad = values.flat[np.argmin(good)]
        kind = "floats" if image.mode == "F" else "32-bit integers"
        raise ValueError(f"it contains {bad}, but {kind} must be 0 to {most}")
    return Image.fromarray(np.rint(values * (255 / most)).astype("uint8"))


def _choose_for_validation(keys, labels):
    """A tenth of the images of each class, at least one and never all, with the smallest hashes."""
    if len(set(keys)) < 2:
        raise UserError("all images are copies of one image: validation needs a second one")
    return divided_by_class(keys, labels)


class _open:
    """`Image.open` as a context whose errors, also those of decoding, name the file."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        try:
            self.image = Image.open(self.path, formats=FORMATS)
            width, height = self.image.size
            if width * height > MOST_PIXELS:
                self.image.close()
                raise ValueError(
                    f"it has {width} x {height} pixels, but at most {MOST_PIXELS:,} are allowed"
                )
        except Exception as error:
            self._fail(error)
        return self.image

    def __exit__(self, kind, error, traceback):
        self.image.close()
        if isinstance(error, Exception) and not isinstance(error, UserError):
            self._fail(error)

    def _fail(self, error):
        reason = reason_of(error)
        raise UserError(
            f"{self.path} cannot be read as an image ({reason}): repair or remove it"
        ) from None
