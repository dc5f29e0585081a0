"""Grids with names: which column or row is which class; names that do not fit or have no font."""

import numpy as np
import pytest

from genai_keras.plots import classes
from genai_keras.plots.classes import column_grid, columns_of, drawable, row_grid, usual_count


def plain(values, side=8):
    """Images of one grey value each, `(n, side, side, 1)` uint8."""
    return np.broadcast_to(
        np.array(values, "uint8")[:, None, None, None], (len(values), side, side, 1)
    )


def cells(grid, rows, columns):
    """The grey value at the centre of each cell of a grid."""
    height, width = grid.shape[0] / rows, grid.shape[1] / columns
    return [
        [int(grid[int((y + 0.5) * height), int((x + 0.5) * width), 0]) for x in range(columns)]
        for y in range(rows)
    ]


@pytest.mark.parametrize("number", range(1, 21))
def test_each_column_is_of_one_class_and_the_name_above_it_says_which(number):
    columns = columns_of(number)
    assert columns % number == 0 and 7 <= columns <= 20
    values = np.arange(number) * 12
    images = plain(np.resize(values, 3 * columns))
    names = ["I" if n % 2 else "" for n in range(number)]  # every second one has a name
    grid = column_grid(images, names, (0, 255))
    assert grid.shape[1] >= 56 * columns
    body = grid[classes.SIZE + 2 * classes.SPACE :]
    assert cells(body, 3, columns) == [np.resize(values, columns).tolist()] * 3
    heading = grid[: classes.SIZE + 2 * classes.SPACE]
    assert heading.max() == 255
    if number > 1:
        parts = np.array_split(heading, columns, axis=1)
        assert [part.min() < 100 for part in parts] == [
            bool(name) for name in np.resize(names, columns)
        ]


def test_one_class_has_one_title():
    grid = column_grid(plain([0] * 20), ["cats"], (0, 255))
    dark = np.flatnonzero(grid[: classes.SIZE + 2 * classes.SPACE].min(axis=(0, 2)) < 100)
    assert dark.min() > 0.4 * grid.shape[1] and dark.max() < 0.6 * grid.shape[1]


def test_many_classes_and_none_have_no_names():
    assert columns_of(21) is None
    images = plain(np.arange(36))
    for names in ([], [str(n) for n in range(36)]):
        assert np.array_equal(cells(column_grid(images, names, (0, 255)), 6, 6),
                              np.arange(36).reshape(6, 6))  # fmt: skip
    assert np.array_equal(row_grid(images, 6, [], (0, 255)), column_grid(images, [], (0, 255)))


def test_each_row_has_its_name_at_its_left():
    images = plain(np.arange(15) * 10)
    grid = row_grid(images, 5, ["", "MMM", "I"], (0, 255))
    body = row_grid(images, 5, [], (0, 255))
    margin = grid[:, : grid.shape[1] - body.shape[1]]
    assert np.array_equal(grid[:, margin.shape[1] :], body)
    ink = [(part < 128).sum() for part in np.array_split(margin, 3)]
    assert ink[0] == 0 < ink[2] < ink[1]


def test_a_long_name_stays_in_its_column():
    def heading(names):
        grid = column_grid(plain(np.zeros(4 * columns_of(len(names)))), names, (0, 255))
        return grid[: classes.SIZE + 2 * classes.SPACE]

    width = heading(["", ""]).shape[1] // 10
    for name in ("W" * 300, "a rather long name of a class", "…" * 40):
        found = heading([name, ""])
        assert found.shape == heading(["", ""]).shape
        parts = np.split(found, range(width, 10 * width, width), axis=1)
        for column, part in enumerate(parts[:10]):
            assert (part.min() < 128) == (column % 2 == 0)


def test_a_name_without_a_font_becomes_its_number(monkeypatch):
    monkeypatch.setattr(classes, "fonts", lambda: ["DejaVu Sans"])  # which has no Chinese
    texts = [text for text, _ in drawable(["cats", "猫", "café", "кот", "cat 猫"])]
    assert texts == ["cats", "1", "café", "кот", "4"]


def test_the_usual_number_of_images_fills_the_grid():
    assert usual_count(0) == 64 and usual_count(10) == 100 and usual_count(1) == 100
    for number in range(1, 21):
        assert usual_count(number) % columns_of(number) == 0
    assert usual_count(21) == 21 and usual_count(5_000) == 1_000
