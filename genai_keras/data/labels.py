"""Labels of the user's own images: from the names of subfolders, or from a CSV file.

A label is the place of its class among the names, which are in natural order: "2" before "10".
"""

import csv
import io
import os
import re
import unicodedata
from pathlib import Path, PurePath

import numpy as np

from genai_keras.data.classes import composed
from genai_keras.data.decoding import decode
from genai_keras.errors import UserError, listed

TRAINING = {"train", "training"}
PARTS = TRAINING | {"val", "valid", "validation", "dev", "test", "testing"}


def labels_of_folders(paths, root):
    """Labels from the first-level subfolders of a folder.

    Args:
        paths: paths of the images, all under `root`.
        root: the folder.

    Returns:
        The labels, `(n,)` int64, and the names of the classes.

    Raises:
        UserError: the folder has no such subfolders, or images beside them; or only one class; or
            its subfolders are parts for training and validation.
    """
    root = Path(root)
    places = [path.relative_to(root).parts for path in paths]
    outside = [parts[0] for parts in places if len(parts) == 1]
    folders = {parts[0] for parts in places if len(parts) > 1}
    lower = {name.lower(): name for name in sorted(folders)}
    if lower.keys() <= PARTS and (training := TRAINING & lower.keys()):
        raise UserError(
            f"the subfolders of {root} are the parts {listed(sorted(folders))}, not classes: use "
            f"`data_dir={root / lower[min(training)]}`, which is divided automatically"
        )
    if not folders:
        raise UserError(
            f"{root} has no subfolders with images, which `conditional` takes as classes: make one "
            "for each class, or give `labels`, a CSV file"
        )
    if outside:
        raise UserError(
            f"{root} has images beside its subfolders, which `conditional` takes as classes "
            f"({len(outside)} of {len(paths)}, first {outside[0]}): move them into one, or give "
            "`labels`, a CSV file"
        )
    return _numbered([parts[0] for parts in places], root)


def labels_of_file(file, paths, root):
    """Labels from a CSV file with a file name, relative to a folder, and a label in each line.

    It is in UTF-8, UTF-16 or UTF-32, and separated by commas, semicolons or tabs. The first line is
    a header if its first value is no image and has no suffix. Lines for other files than images
    have no effect.

    Args:
        file: path of the CSV file.
        paths: paths of the images, all under `root`.
        root: the folder.

    Returns:
        The labels, `(n,)` int64, and the names of the classes.

    Raises:
        UserError: the file cannot be read; a line has no label, or too much; an image has no label
            or two; there is no such file; or there is only one class.
    """
    if not Path(file).is_file():
        raise UserError(f"there is no file {file}: `labels` must name a CSV file")
    numbers = {_normal(path): number for number, path in enumerate(paths)}
    found, lines, unknown = [None] * len(paths), {}, []
    for index, (line, cells) in enumerate(_rows(file)):
        places = [Path(root, name) for name in (cells[0], cells[0].replace("\\", "/"))]
        number = next((numbers[each] for each in map(_normal, places) if each in numbers), None)
        if index == 0 and number is None and not PurePath(cells[0]).suffix:
            continue  # a header
        if len(cells) != 2 or not all(cells):
            raise UserError(f"line {line} of {file} must have two values: a file and its label")
        name, label = cells
        if number is None:
            if not any(map(os.path.isfile, places)):
                unknown.append((line, name))
        elif number in lines:
            raise UserError(
                f"line {line} of {file} labels {name} again, after line {lines[number]}: an image "
                "has one label"
            )
        else:
            found[number], lines[number] = label, line
    if unknown:
        (line, name), *more = unknown
        raise UserError(
            f"line {line} of {file} names {name}, but {root} has no such image"
            f"{f' (nor those of {len(more)} more lines)' if more else ''}: names are relative to it"
        )
    missing = [path for path, label in zip(paths, found, strict=True) if label is None]
    if missing:
        raise UserError(
            f"{file} has no label for {len(missing)} of {len(paths)} images in {root}, first "
            f"{missing[0].relative_to(root)}: add it, or move the images elsewhere"
        )
    return _numbered(found, root)


def divided_by_class(keys, labels):
    """Chooses a tenth of the distinct images of each class for validation, those of smallest key.

    A class with two distinct images or more has one for validation. All copies of an image are in
    the same part, also those of another class.

    Args:
        keys: a hash of each image.
        labels: `(n,)` int.

    Returns:
        For each image, whether it is for validation.

    Raises:
        UserError: there would be none.
    """
    of_class = {}
    for key, label in zip(keys, labels, strict=True):
        of_class.setdefault(label, set()).add(key)
    chosen = set()
    for each in of_class.values():
        chosen.update(sorted(each)[: len(each) // 10 or len(each) > 1])
    if not chosen:
        raise UserError("no class has two different images: validation needs the second one")
    return [key in chosen for key in keys]


def _numbered(found, root):
    """Labels and names from the class of each image."""
    names = sorted(set(map(composed, found)), key=_natural)
    for name in names:
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
            raise UserError(f"the class {name!r} in {root} cannot be printed: rename it")
    if len(names) == 1:
        raise UserError(
            f"all images in {root} are of one class, {names[0]}: `conditional` needs at least two"
        )
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers[composed(name)] for name in found]), tuple(names)


def _rows(file):
    """Yields the number and the values of each line that is not empty."""
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    text, _ = decode(data, file, can_be_named=False)
    text = text.removeprefix("\ufeff")  # a mark is not part of the first name
    first = text.lstrip().partition("\n")[0]
    delimiter = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    rows = csv.reader(
        io.StringIO(text, newline=None), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    try:
        for cells in rows:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield rows.line_num, cells
    except csv.Error as error:
        raise UserError(f"line {rows.line_num} of {file} is not CSV: {error}") from None


def _natural(name):
    """A key for sorting in which digits are numbers; `0` and `00` have an order, too."""
    parts = re.split(r"([0-9]+)", name.casefold())
    numbers = [part.lstrip("0") for part in parts[1::2]]
    parts[1::2] = [(len(number), number) for number in numbers]
    return parts, name


def _normal(path):
    return composed(os.path.normpath(path))
