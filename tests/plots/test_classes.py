"""Grids with names: which column is of which class; names that do not fit or have no font."""

import numpy as np
import pytest

from genai_keras.plots import fonts
from genai_keras.plots.classes import class_grid, columns_of, usual_count
from genai_keras.plots.fonts import written
from genai_keras.plots.images import LINE, image_grid, labelled

DIGITS = list("0123456789")


def plain(values, side=8):
    """Images of one grey value each, `(n, side, side, 1)` uint8."""
    return np.tile(np.array(values, "uint8")[:, None, None, None], (1, side, side, 1))


def cells(grid, rows, columns):
    """The grey value at the centre of each cell of a grid."""
    height, width = grid.shape[0] / rows, grid.shape[1] / columns
    return [
        [int(grid[int((y + 0.5) * height), int((x + 0.5) * width), 0]) for x in range(columns)]
        for y in range(rows)
    ]


@pytest.mark.parametrize("number", range(2, 21))
def test_each_column_is_of_one_class_and_the_name_above_it_says_which(number):
    columns = columns_of(number)
    assert columns % number == 0 and 7 <= columns <= 20
    values = np.arange(number) * 12
    images = plain(np.resize(values, 3 * columns))
    names = ["I" if n % 2 else "" for n in range(number)]  # every second one has a name
    grid = class_grid(images, names, (0, 255))
    assert cells(grid[2 * LINE :], 3, columns) == [np.resize(values, columns).tolist()] * 3
    heading = np.array_split(grid[LINE : 2 * LINE], columns, axis=1)
    assert [part.min() < 100 for part in heading] == [
        bool(name) for name in np.resize(names, columns)
    ]


def test_one_class_is_in_the_title():
    images = plain(np.arange(30))
    expected = image_grid(images, 10, value_range=(0, 255))
    title = "Generated images with the label cats"
    assert np.array_equal(class_grid(images, ["cats"], (0, 255)), labelled(expected, title))


def test_many_classes_and_none_have_no_names():
    assert columns_of(21) is None
    images = plain(np.arange(36))
    for names in ([], [str(n) for n in range(36)]):
        found = class_grid(images, names, (0, 255))
        assert np.array_equal(found, image_grid(images, value_range=(0, 255)))


def test_columns_are_as_wide_as_usual_names_and_longer_ones_are_cut():
    images = plain(np.zeros(10))
    assert class_grid(images, DIGITS, (0, 255)).shape[1] < 700
    for name in ("ankle boot", "W" * 300, "ü" * 300, "a rather long name of a class"):
        grid = class_grid(images, [name, *[""] * 9], (0, 255))
        ink = np.flatnonzero(grid[LINE : 2 * LINE].min(axis=(0, 2)) < 128)
        assert np.ptp(ink) > 30 and ink.max() < grid.shape[1] / 10 <= 120


@pytest.mark.parametrize("size", [12, 15])
def test_a_text_is_cut_until_it_fits(size):
    for text in ("W" * 300, "é" * 300, "猫" * 300, "short", "", "."):
        for width in (0, 5, 40, 1_000):
            drawn, font = written(text, size, width)
            assert font.getlength(drawn) <= width
            whole, _ = written(text, size)
            assert drawn == whole or whole.startswith(drawn.removesuffix("..."))
    assert written("short", size, 1_000)[0] == "short" and len(written("W" * 99, size)[0]) == 99


def test_every_text_has_a_font_with_all_its_characters(monkeypatch):
    for text in ("cats", "café", "кот", "γάτα", "schön & groß"):
        drawn, font = written(text, 15)
        assert drawn == text
        missing = bytes(font.getmask("\uffff"))  # the box of a character that is not there
        assert all(bytes(font.getmask(each)) != missing for each in text if each != " ")
    monkeypatch.setattr(fonts, "fonts", lambda: ["DejaVu Sans"])  # which has no Chinese
    assert written("a 猫", 15)[0] == "a \\u732b"


def test_the_usual_number_of_images_fills_the_grid():
    assert usual_count(0) == 64 and usual_count(10) == 100 and usual_count(1) == 100
    for number in range(1, 21):
        assert usual_count(number) % columns_of(number) == 0
    assert usual_count(21) == 21 and usual_count(5_000) == 1_000
