"""Feature extractors, which make generated and real images comparable.

The package has two trained LeNets for each of MNIST and Fashion-MNIST, from
`python -m genai_keras.train_lenet`: a classifier, and a detector of what is no such image at all.
"""

import hashlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from genai_keras.data.datasets import DATASETS
from genai_keras.errors import UserError
from genai_keras.evaluation.weights import read_arrays, write_arrays
from genai_keras.networks.lenet import SIDE, build_lenet

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


class FeatureExtractor:
    """What images are compared by: the base of all feature extractors.

    Attributes:
        name: its name in reports.
        kind: what the images show, such as "digits".
        classes: number of classes that it tells apart; None if it gives no labels.
    """

    name = "features"
    kind = "images"
    classes = None

    def look(self, images):
        """Features `(n, d)` of images `(n, height, width, c)` in [0, 1]; labels `(n,)` or None."""
        raise NotImplementedError

    def recognizes(self, images):
        """Which images are of this kind at all, `(n,)` bool; None if it has no detector."""


class LeNetFeatures(FeatureExtractor):
    """A feature extractor from a trained LeNet.

    Args:
        lenet: a `keras.Model` from `build_lenet`.
        detector: a `keras.Model` from `train_detector`, or None.
        kind: what the images show, such as "digits".
    """

    name = "LeNet features"

    def __init__(self, lenet, detector=None, kind="images"):
        self.lenet = lenet
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
        features, logits = in_blocks(self.both, checked_images(images), SIDE)
        return features, logits.argmax(axis=1)

    def recognizes(self, images):
        return None if self.detector is None else accepts(self.detector, images)

    def features(self, images):
        """Features of images, `(n, 84)` float32; see `look`."""
        return self.look(images)[0]

    def classify(self, images):
        """The most likely label of each image, `(n,)` int64; see `look`."""
        return self.look(images)[1]


def accepts(detector, images):
    """Which images a detector takes for those of its kind, `(n,)` bool.

    Args:
        detector: a `keras.Model` from `train_detector`.
        images: as in `LeNetFeatures.look`, with the same errors.
    """
    return in_blocks(detector, checked_images(images), SIDE)[:, 0] >= 0


def lenet_of(dataset, channels=None):
    """The name of the LeNet for images of a data set, such as "mnist"; None if there is none.

    Args:
        dataset: name of a data set.
        channels: channels of the images; None if they are as in the data set.
    """
    return LENET_OF.get(dataset) if channels in (None, 1) else None


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


def resized(images, side):
    """Resizes images of any size to `side` x `side`: bilinear, without aliasing when they shrink.

    Returns:
        A tensor, `(n, side, side, c)`.
    """
    return tf.image.resize(images, (side, side), antialias=True)


def in_blocks(see, images, side, size=None):
    """Shows images to a network, resized and some at a time.

    Args:
        see: a function of images `(batch, side, side, c)` that returns an array, or a list of them.
        images: `(n, height, width, c)`; n may be 0.
        side: side in pixels that the function requires.
        size: images at a time; None is `BLOCK`.

    Returns:
        The results for all images, as a float32 NumPy array or a list of them.
    """
    if not len(images):  # layers cannot be asked about no image, only about the shapes of results
        one = in_blocks(see, np.zeros((1, *images.shape[1:]), "float32"), side)
        return [each[:0] for each in one] if isinstance(one, list) else one[:0]
    size = size or BLOCK
    starts = range(0, len(images), size)
    found = [see(resized(images[start : start + size], side)) for start in starts]
    several = isinstance(found[0], (list, tuple))
    parts = zip(*found, strict=True) if several else [found]
    joined = [np.concatenate(part).astype("float32", copy=False) for part in parts]
    return joined if several else joined[0]


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
    write_arrays(path, weights)


def load_lenet(path):
    """Reads a file of `save_lenet`.

    Args:
        path: path of the file.

    Returns:
        A `keras.Model`, as from `build_lenet`.

    Raises:
        UserError: the file is of another kind, or damaged.
    """

    def build(weights):
        lenet = build_lenet(weights["logits_bias"].size)
        for layer in lenet.layers:
            if layer.weights:
                both = [weights.pop(f"{layer.name}_{name}") for name in ("kernel", "bias")]
                layer.set_weights([weight.astype("float32") for weight in both])
        if weights:
            raise ValueError(f"it also contains {', '.join(sorted(weights))}")
        return lenet

    try:
        return read_arrays(path, build)
    except ValueError as error:
        raise UserError(
            f"{path} does not contain the weights of a LeNet, or it is damaged: {error}"
        ) from None
