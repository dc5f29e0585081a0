"""Downloads by Keras; damaged files are removed, because Keras would use them the next time."""

import gzip
import hashlib
import os
import shutil
import struct
from pathlib import Path

from genai_keras.errors import UserError, one_line

OFFLINE_WAYS_OUT = "use `dataset=mnist5k`, which needs no download"
# Where Keras keeps its downloads; for CIFAR-10 an archive and the folder extracted from it.
KEPT = {
    "mnist": "mnist.npz",
    "fashion_mnist": "fashion-mnist/*.gz",
    "cifar10": "cifar-10-batches-py-target*",
}
# SHA-256 of the files for which Keras has no checksum, unzipped, because some mirrors rezip them.
FASHION_MNIST = {
    "train-images-idx3": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "t10k-images-idx3": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "train-labels-idx1": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-labels-idx1": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
CHECKSUMS = {  # of all files that Keras keeps
    **{f"{part}-ubyte.gz": checksum for part, checksum in FASHION_MNIST.items()},
    "mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    "cifar-10-batches-py-target_archive": (
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    ),
}
LARGEST = 16 + 60_000 * 784  # bytes of the largest of them


def download(name, data_dir):
    """Loads a data set from the cache of Keras, or from the network.

    Returns:
        `(train, test, train_labels, test_labels)`.

    Raises:
        UserError: it is not available; damaged files are removed.
    """
    import keras

    try:
        (train, train_labels), (test, labels) = getattr(keras.datasets, name).load_data()
        arrays = train, test, train_labels, labels
        if name == "fashion_mnist" and [*map(_hash_as_idx, arrays)] != [*FASHION_MNIST.values()]:
            raise ValueError(
                "the downloaded files are not Fashion-MNIST: their checksum is different"
            )
    except Exception as error:  # anything that a network, a proxy or a damaged file can raise
        _remove_damaged(name)
        looked = f"is not in {data_dir} and " if data_dir else ""
        raise UserError(
            f"{name} {looked}could not be downloaded ({one_line(error)}): go online once, set "
            f"`data_dir` to a folder that contains it, or {OFFLINE_WAYS_OUT}"
        ) from None
    images = (part.reshape(*part.shape[:3], -1) for part in (train, test))
    return *images, train_labels.ravel(), labels.ravel()


def _hash_as_idx(array):
    """SHA-256 of the idx file of an array that Keras has already read."""
    header = struct.pack(f">{1 + array.ndim}i", 2048 + array.ndim, *array.shape)
    digest = hashlib.sha256(header)
    digest.update(array.tobytes())
    return digest.hexdigest()


def _remove_damaged(name):
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    if not os.access(home, os.W_OK):
        home = Path("/tmp/.keras")  # as `get_file` does
    for path in (home / "datasets").glob(KEPT[name]):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif not _is_whole(path):
            path.unlink(missing_ok=True)


def _is_whole(path):
    try:
        if path.suffix != ".gz":
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256")
        else:
            with gzip.open(path) as file:
                digest = hashlib.sha256(file.read(LARGEST + 1))
    except Exception:  # of gzip, zlib or the file system
        return False
    return digest.hexdigest() == CHECKSUMS.get(path.name)
