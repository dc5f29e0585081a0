"""Pairs made by rules: dates in words and as numbers, digits and the same digits sorted.

Every pair depends only on its index, and the validation pairs never change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

VALIDATION = 5_000  # pairs

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Ways to write a date: a pattern, and a function that changes its letters.
WAYS = (
    ("the {ordinal} of {month}, {year}", str),
    ("{month} {day}, {year}", str),
    ("{day} {short} {year}", str),
    ("{weekday}, {day} {month} {year}", str),
    ("{day}.{number}.{year}", str),
    ("{short} {ordinal} {year}", str),
    ("{year}, {month} the {ordinal}", str),
    ("{ordinal} {month} {year}", str),
    ("{weekday} the {ordinal} of {month} {year}", str.lower),
    ("{month} {ordinal}, {year}", str.lower),
    ("{day} {month} {year}", str.upper),
    ("{weekday} {short} {day} {year}", str.upper),
)
FIRST_DAY = date(1600, 1, 1).toordinal()
DAYS = date(2400, 1, 1).toordinal() - FIRST_DAY

DIGITS = 6


@dataclass(frozen=True)
class World:
    """Pairs of texts, by index; no source is in both parts.

    Args:
        train_pair: a function of 0 .. `train_count` - 1 that returns `(source, target)`.
        train_count: number of training pairs; any first pairs are a mixture of all kinds.
        validation_pair: a function of 0 .. `validation_count` - 1 that returns such a pair.
        validation_count: number of validation pairs.
        source_length: number of characters of the longest source.
        target_length: number of characters of the longest target.
    """

    train_pair: Callable
    train_count: int
    validation_pair: Callable
    validation_count: int
    source_length: int
    target_length: int


def make_dates():
    """Every day of the years 1600 to 2399 (Gregorian), written in words -> `1987-03-03`.

    Each day is in one part only, however it is written. Training has its days in all ways of
    writing; validation has each of its days in one.
    """
    days = np.random.default_rng(0).permutation(DAYS)
    validation_ways = np.random.default_rng(1).integers(len(WAYS), size=VALIDATION)
    train_days = DAYS - VALIDATION

    def train_pair(index):
        # The way changes from day to day and from round to round, so any beginning has all ways.
        cycle, place = divmod(index, train_days)
        return write_date(days[VALIDATION + place], (place + cycle) % len(WAYS))

    def validation_pair(index):
        return write_date(days[index], validation_ways[index])

    # Each of these is the longest of its kind, so the longest date is among them.
    longest = max(len(_write(1999, 9, 22, "Wednesday", way)) for way in WAYS)
    return World(
        train_pair, train_days * len(WAYS), validation_pair, VALIDATION, longest, len("1987-03-03")
    )


def write_date(day, way):
    """A day, counted from 1 January 1600, written in one of the `WAYS` and as ISO 8601."""
    when = date.fromordinal(FIRST_DAY + int(day))
    weekday = WEEKDAYS[when.weekday()]
    return _write(when.year, when.month, when.day, weekday, WAYS[way]), when.isoformat()


def _write(year, month, day, weekday, way):
    pattern, change_case = way
    name = MONTHS[month - 1]
    return change_case(
        pattern.format(
            year=year,
            month=name,
            short=name[:3],
            number=month,
            day=day,
            ordinal=f"{day}{ordinal_suffix(day)}",
            weekday=weekday,
        )
    )


def ordinal_suffix(number):
    """The suffix of an ordinal number: 1st, 2nd, 3rd, 4th, but 11th, 12th, 13th."""
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def make_sorting():
    """Every list of six digits, `312091` -> `011239`."""
    lists = np.random.default_rng(0).permutation(10**DIGITS)

    def pair(place):
        digits = f"{lists[place]:0{DIGITS}d}"
        return digits, "".join(sorted(digits))

    return World(
        lambda index: pair(VALIDATION + index), len(lists) - VALIDATION, pair, VALIDATION,
        DIGITS, DIGITS,
    )  # fmt: skip


WORLDS = {"dates": make_dates, "sort": make_sorting}
