"""Dates against an almanac of its own, and digits against sorting."""

import re

import numpy as np
import pytest

from genai_keras.data.procedural import WAYS, make_dates, make_sorting, ordinal_suffix, write_date

pytestmark = pytest.mark.usefixtures("all_pairs")
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = 800 * 365 + 194  # 800 years of the Gregorian calendar, in which 194 are leap years


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def weekday_of(year, month, day):
    """Zeller's congruence: Saturday is 0."""
    year, month = (year - 1, month + 12) if month < 3 else (year, month)
    return (day + 13 * (month + 1) // 5 + year + year // 4 - year // 100 + year // 400) % 7


def read_date(source):
    """What a person reads in a date: `(year, month, day, weekday or None)`."""
    source = source.lower()
    if figures := re.fullmatch(r"(\d+)\.(\d+)\.(\d{4})", source):
        day, month, year = map(int, figures.groups())
        return year, month, day, None
    weekday, month = None, None
    for word in re.findall("[a-z]+", re.sub(r"(\d)(st|nd|rd|th)\b", r"\1", source)):
        if word.endswith("day"):
            weekday = ["sat", "sun", "mon", "tue", "wed", "thu", "fri"].index(word[:3])
        elif word[:3] in MONTHS:
            month = MONTHS.index(word[:3]) + 1
        else:
            assert word in ("the", "of"), source
    (year,) = re.findall(r"\b\d{4}\b", source)
    (day,) = re.findall(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", source)
    return int(year), month, int(day), weekday


def check_date(source, target):
    year, month, day, weekday = read_date(source)
    assert target == f"{year:04}-{month:02}-{day:02}", source
    assert weekday is None or weekday == weekday_of(year, month, day), source


def some(world, count, seed=0):
    """Pairs of a world's training part, drawn with no regard to their order."""
    places = np.random.default_rng(seed).choice(world.train_count, count, replace=False)
    return [world.train_pair(int(place)) for place in places]


def test_every_day_is_there_once_and_in_the_calendars_order():
    targets = [write_date(day, 0)[1] for day in range(DAYS)]
    lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert targets == [
        f"{year}-{month:02}-{day:02}"
        for year in range(1600, 2400)
        for month, length in enumerate(lengths, 1)
        for day in range(1, length + 1 + (month == 2 and is_leap(year)))
    ]


def test_dates_say_what_they_mean():
    world = make_dates()
    pairs = some(world, 5_000) + [world.validation_pair(i) for i in range(world.validation_count)]
    for source, target in pairs:
        check_date(source, target)
    assert max(len(source) for source, _ in pairs) == world.source_length
    assert {len(target) for _, target in pairs} == {world.target_length}


def test_all_ways_to_write_a_day():
    """3 March 1987 was a Tuesday."""
    day = sum(366 if is_leap(year) else 365 for year in range(1600, 1987)) + 31 + 28 + 2
    assert [write_date(day, way) for way in range(len(WAYS))] == [
        (source, "1987-03-03")
        for source in (
            "the 3rd of March, 1987",
            "March 3, 1987",
            "3 Mar 1987",
            "Tuesday, 3 March 1987",
            "3.3.1987",
            "Mar 3rd 1987",
            "1987, March the 3rd",
            "3rd March 1987",
            "tuesday the 3rd of march 1987",
            "march 3rd, 1987",
            "3 MARCH 1987",
            "TUESDAY MAR 3 1987",
        )
    ]


def test_ordinals():
    expected = ["1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 21))]
    expected += ["21st", "22nd", "23rd", *(f"{n}th" for n in range(24, 31)), "31st"]
    assert [f"{n}{ordinal_suffix(n)}" for n in range(1, 32)] == expected


def test_no_day_of_validation_is_in_training():
    """Training has every other day in every way, and nothing twice."""
    world = make_dates()
    days = DAYS - 5_000
    assert world.train_count == days * len(WAYS) and world.validation_count == 5_000
    validation = {world.validation_pair(i)[1] for i in range(5_000)}
    assert len(validation) == 5_000
    one_round = {world.train_pair(i)[1] for i in range(days)}
    assert len(one_round) == days and not one_round & validation
    ways = {world.train_pair(17 + days * cycle) for cycle in range(len(WAYS))}
    assert len({target for _, target in ways}) == 1 and len(ways) == len(WAYS)
    # The first few days are in all the ways, too.
    figures = [source for source, _ in map(world.train_pair, range(120)) if "." in source]
    assert len(figures) == 10
    figures = [world.validation_pair(i)[0] for i in range(5_000)]
    assert sum("." in source for source in figures) == pytest.approx(5_000 / len(WAYS), rel=0.2)


def test_sorting_is_sorted_and_its_parts_share_no_list():
    world = make_sorting()
    validation = [world.validation_pair(i) for i in range(world.validation_count)]
    for source, target in some(world, 2_000) + validation:
        assert target == "".join(sorted(source)) and len(source) == 6
    train = {world.train_pair(i)[0] for i in range(world.train_count)}
    validation = {source for source, _ in validation}
    assert len(validation) == 5_000 and len(train) == 995_000 and not train & validation
