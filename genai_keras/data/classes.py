"""The names of classes: in messages, in files, and how one asks for them."""

import json
import unicodedata

import numpy as np

from genai_keras.errors import UsageError, UserError, listed

CLASSES = "classes.json"  # file with the names of the classes, in a run and in an export
FEW = 20  # training images of a class that are hardly enough


def doubts_about_classes(labels, names, empty=()):
    """What a user should know about the classes, as one line; None if there is nothing.

    Args:
        labels: labels of the training images, `(n,)` int.
        names: names of the classes.
        empty: names of folders that would be classes if there were images in them.
    """
    counts = np.bincount(labels, minlength=len(names))
    few = [f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count < FEW]
    said = [f"fewer than {FEW} images to learn {listed(few)} from"] if few else []
    if empty:
        said.append(f"no images in {listed(empty)}, so no such class")
    return "; ".join(said) or None


def frequencies(labels, names):
    """How many labels `(n,)` there are of each class, as a text."""
    counts = np.bincount(labels, minlength=len(names))
    return listed([f"{name} {count:,}" for name, count in zip(names, counts, strict=True)])


def find_classes(asked, names):
    """The labels of classes that are asked for by name or by number.

    Numbers are only possible if no name is a number, so that `7` never means two classes.

    Args:
        asked: texts.
        names: names of the classes.

    Raises:
        UsageError: there is no such class.
    """
    known = {name: label for label, name in enumerate(names)}
    if not any(name.isdecimal() for name in names):
        known |= {str(label): label for label in range(len(names))}
    for each in asked:
        if composed(each) not in known:
            raise UsageError(f"`label={each}` is none of the classes, which are {listed(names)}")
    return [known[composed(each)] for each in asked]


def classes_to_json(names):
    """The content of `CLASSES`."""
    return json.dumps(list(names), ensure_ascii=False) + "\n"


def read_classes(path, classes):
    """Reads the names of `classes` classes; if there is no such file, their numbers.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return tuple(map(str, range(classes)))
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("it is not a list of names")
        if not len(names) == len(set(names)) == classes:
            raise ValueError(f"it does not have {classes} different names")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}): restore it, or delete it") from None
    return tuple(names)


def composed(name):
    """A name with composed characters, because macOS decomposes those of files."""
    return unicodedata.normalize("NFC", name)
