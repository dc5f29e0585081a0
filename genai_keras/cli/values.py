"""Values of options: one check for those that are typed and those that are read from a file."""

import math
import os
import re
import types
import typing
from pathlib import Path


class Interval:
    """A number of steps, written `500`, or of minutes, written `5m`; 0 means never."""

    def __init__(self, text):
        text = str(text)
        self.text = text
        in_minutes = text.endswith("m")
        number = float(text.removesuffix("m")) if in_minutes else int(text)
        if not 0 <= number < math.inf:
            raise ValueError(f"{text} is not a number of steps or minutes")
        self.steps = 0 if in_minutes else number
        self.seconds = 60 * number if in_minutes else 0

    def is_over(self, steps, seconds):
        """Whether this many steps, or seconds, reach the interval."""
        return 0 < self.steps <= steps or 0 < self.seconds <= seconds

    def __str__(self):
        return self.text

    def __eq__(self, other):
        return isinstance(other, Interval) and self.text == other.text

    def __hash__(self):
        return hash(self.text)


class Steps(str):
    """The first and the last of some training steps, such as `20:30`."""

    description = "a range of steps, such as 20:30"

    def __new__(cls, text):
        found = re.fullmatch(r"([1-9][0-9]*):([1-9][0-9]*)", text)
        if not found or int(found[1]) > int(found[2]):
            raise ValueError(f"{text!r} is not {cls.description}")
        return super().__new__(cls, text)

    @property
    def ends(self):
        """The numbers of both steps."""
        return tuple(map(int, self.split(":")))


class Devices(str):
    """`all`, `cpu`, `cluster`, or a number of devices."""

    description = "a number of devices, all, cpu or cluster"

    def __new__(cls, text):
        if text not in ("all", "cpu", "cluster") and not (
            text.isascii() and text.isdigit() and int(text)
        ):
            raise ValueError(f"{text!r} is not {cls.description}")
        return super().__new__(cls, text)


def value_type(annotation):
    """The type of one value, and `nargs` for argparse: `tuple[int, ...]` -> `(int, "+")`."""
    if isinstance(annotation, types.UnionType):
        annotation = next(a for a in typing.get_args(annotation) if a is not types.NoneType)
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], "+"
    return annotation, None


def choices_of(cls, option):
    """The values that an option of the config class `cls` can have, or None for any."""
    return tuple(cls.presets) if option.name == "preset" else option.metadata["choices"]


def convert(value, kind, choices, limits):
    """Converts one value of an option to its type and checks its range.

    Args:
        value: a text, or the value in a JSON file.
        kind: the type of the result.
        choices: the values that are allowed, or None.
        limits: a dictionary with "at least", "above", "at most" and "below", as in `option`.

    Raises:
        ValueError: the value cannot be used; the message says why.
    """
    if kind is Path:
        return _path(value)
    try:
        converted = kind(value)
    except (ValueError, OverflowError):
        valid = getattr(kind, "description", f"a valid {kind.__name__}")
        raise ValueError(f"{value!r} is not {valid}") from None
    if choices and converted not in choices:
        raise ValueError(f"{converted!r} is not one of {', '.join(map(str, choices))}")
    if wanted := _beyond(converted, limits):
        raise ValueError(f"{converted!r} is not {wanted}")
    return converted


def read_json(value, annotation, choices, limits):
    """Converts a value from JSON, where it must already have the type of its option.

    Args:
        annotation: the type of the option.
        value, choices, limits: as in `convert`, which raises the same errors.
    """
    kind, is_sequence = value_type(annotation)
    if value is None:
        if not isinstance(annotation, types.UnionType):
            raise ValueError("it is missing")
        return None
    if is_sequence:
        if not isinstance(value, list) or not value:
            raise ValueError(f"{value!r} is not a list")
        return tuple(read_json(each, kind, choices, limits) for each in value)
    written_as = {bool: bool, int: int, float: (int, float)}.get(kind, str)
    if not isinstance(value, written_as) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{value!r} is not a valid {kind.__name__}")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("it contains a character that texts and paths cannot have")
    return convert(value, kind, choices, limits)


def _path(text):
    """A path where `~` and `~user` are home folders, as no shell makes them in `--out=~/a.png`."""
    if not text:
        raise ValueError("it is empty, so it names no file or folder")
    expanded = os.path.expanduser(text)
    no_home = os.environ.get("HOME") == "" or not os.path.isabs(expanded)
    if text.startswith("~") and no_home:
        raise ValueError(f"the home folder in {text!r} is not known: give the whole path")
    # `./~x` names a file here, but would begin with `~` as a path, and be a home folder next time.
    return Path(expanded).absolute() if str(Path(expanded)).startswith("~") else Path(expanded)


def _beyond(value, limits):
    """The limits in words if a number violates one, or is not finite; None otherwise."""
    holds = {
        "at least": lambda value, limit: value >= limit,
        "above": lambda value, limit: value > limit,
        "at most": lambda value, limit: value <= limit,
        "below": lambda value, limit: value < limit,
    }
    if not all(holds[name](value, limit) for name, limit in limits.items()):
        return " and ".join(f"{name} {limit}" for name, limit in limits.items())
    return None if not isinstance(value, float) or math.isfinite(value) else "finite"
