"""Feature extractors, which make generated and real images comparable.

The package has two trained LeNets for each of MNIST and Fashion-MNIST, from
`python -m genai_keras.train_lenet`: a classifier, and a detector of what is no such image at all.
"""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from genai_keras.data.datasets import DATASETS
from genai_keras.errors import UserError
from genai_keras.files import whole_file
from genai_keras.networks.lenet import FEATURES, SIDE, build_lenet

BLOCK = 500  # images per batch
FOLDER = Path(__file__).parent
# SHA-256 of the shipped files, because figures on other features are not comparable. They were made
# on one core; two cores round differently.
CHECKSUMS = {
    "lenet-mnist": "3da80849f97b58c81bfd7ac3ba0d1c3281fb30333545cd599b1ea0e27dd7f040",
    "lenet-fashion_mnist": "088c0172ddc03559264c82e40d45231dff4b601e8c1cc2e0c9a591fdfa1807a2",
    "detector-mnist": "5235c44f3f7070057ab2680c17756e0a9647e4ebd27b7c03f2c703e008ae84a6",
    "detector-fashion_mnist": "4c37cc57cc9cb33b661aa7ced1dffeba1c2508492c8113b36fd102b23d9239bd",
}
IMAGES_OF = {"mnist": "digits", "fashion_mnist": "clothes"}
# By data set: mnist5k has digits of MNIST.
LENET_OF = {name: each.features for name, each in DATASETS.items() if each.features}


class LeNetFeatures:
    """A feature extractor from a trained LeNet.

    Args:
        lenet: a `keras.Model` from `build_lenet`.
        name: name of the features.
        detector: a `keras.Model` from `train_detector`, or None.
        kind: what the images show, such as "digits".
    """

    def __init__(self, lenet, name="LeNet features", detector=None, kind="images"):
        self.lenet = lenet
        self.name = name
        self.detector = detector
        self.kind = kind
        self.classes = lenet.output.shape[-1]
        self.both = keras.Model(lenet.input, [lenet.get_layer("features").output, lenet.output])

    def look(self, images):
        """Features and labels of images, in one pass.

        Args:
            images: `(n, height, width, 1)` in [0, 1]; n may be 0. They are resized to 28 x 28.

        Returns:
            The features, `(n, 84)` float32, and the most likely label of each, `(n,)` int64.

        Raises:
            ValueError: the images are not as required.
        """
        images = checked_images(images)
        features = np.empty((len(images), FEATURES), "float32")
        labels = np.empty(len(images), "int64")
        for start in range(0, len(images), BLOCK):
            part = slice(start, start + BLOCK)
            features[part], logits = self.both(resized(images[part]))
            labels[part] = tf.argmax(logits, axis=1)
        return features, labels

    def recognizes(self, images):
        """Which images are of this kind at all, `(n,)` bool; None if there is no detector.

        Arguments and errors are those of `look`.
        """
        if self.detector is None:
            return None
        images = checked_images(images)
        found = np.empty(len(images), bool)
        for start in range(0, len(images), BLOCK):
            part = slice(start, start + BLOCK)
            found[part] = self.detector(resized(images[part]))[:, 0] >= 0
        return found

    def features(self, images):
        """Features of images, `(n, 84)` float32; see `look`."""
        return self.look(images)[0]

    def classify(self, images):
        """The most likely label of each image, `(n,)` int64; see `look`."""
        return self.look(images)[1]


def load_feature_extractor(dataset):
    """The shipped LeNet and the detector for a data set, as `LeNetFeatures`.

    Args:
        dataset: one of `LENET_OF`: "mnist", "mnist5k", "fashion_mnist". The LeNet for MNIST was
            trained on all training images of MNIST, so also on both parts of mnist5k.

    Raises:
        UserError: there is no LeNet for this data set, or a file is damaged.
    """
    if dataset not in LENET_OF:
        raise UserError(
            f"there is no trained LeNet for {dataset}: use one of {', '.join(LENET_OF)}"
        )
    lenet, detector = (_load_shipped(shipped(dataset, each)) for each in ("lenet", "detector"))
    return LeNetFeatures(lenet, detector=detector, kind=IMAGES_OF[LENET_OF[dataset]])


def _load_shipped(path):
    found = checksum(path)
    if found != CHECKSUMS[path.stem]:
        # Training again gives the same bits only on a similar machine.
        raise UserError(
            f"{path} is {'damaged' if found else 'missing'}: install genai_keras again; the file "
            "was made by genai_keras.train_lenet"
        )
    return load_lenet(path)


def checked_images(images, channels=1):
    """Images as float32, or a `ValueError` that says why they are not images in [0, 1]."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != channels:
        kind = "grey" if channels == 1 else "in colour"
        raise ValueError(
            f"images must be {kind}, (n, height, width, {channels}), not {images.shape}"
        )
    images = images.astype("float32", copy=False)
    # Written so that NaN is rejected, too, but rounding errors are not.
    if images.size and not (images.min() >= -1e-3 and images.max() <= 1.0 + 1e-3):
        raise ValueError(f"images must be in [0, 1], not from {images.min()} to {images.max()}")
    return images


def resized(images):
    """Resizes images of any size to 28 x 28: bilinear, without aliasing when they shrink."""
    if images.shape[1:3] == (SIDE, SIDE):
        return images
    return tf.image.resize(images, (SIDE, SIDE), antialias=True).numpy()


def shipped(dataset, network="lenet"):
    """The path of the shipped "lenet" or "detector" for a data set."""
    return FOLDER / f"{network}-{LENET_OF[dataset]}.npz"


def checksum(path):
    """The SHA-256 of a file in hexadecimal digits; None if there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def save_lenet(lenet, path):
    """Writes the weights as float16 to a `.npz` file: equal weights give equal bytes.

    Args:
        lenet: a model from `build_lenet`.
        path: path of the file.
    """
    weights = {
        f"{layer.name}_{name}": np.asarray(weight, "float16")
        for layer in lenet.layers
        for name, weight in zip(("kernel", "bias"), layer.get_weights(), strict=False)
    }
    with whole_file(path) as unfinished, open(unfinished, "wb") as file:
        np.savez_compressed(file, **weights)


def load_lenet(path):
    """Reads a file of `save_lenet`.

    Args:
        path: path of the file.

    Returns:
        A `keras.Model`, as from `build_lenet`.

    Raises:
        UserError: the file is of another kind, or damaged.
    """
    damage = (EOFError, ValueError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            weights = {name: file[name].astype("float32") for name in file.files}
        lenet = build_lenet(weights["logits_bias"].size)
        for layer in lenet.layers:
            if layer.weights:
                layer.set_weights([weights.pop(f"{layer.name}_{n}") for n in ("kernel", "bias")])
        if weights:
            raise ValueError(f"it also contains {sorted(weights)}")
    except damage as error:
        raise UserError(
            f"{path} does not contain the weights of a LeNet, or it is damaged: {error}"
        ) from None
    return lenet
