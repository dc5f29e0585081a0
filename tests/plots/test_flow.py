"""The way from noise to samples: each image and each line where it belongs."""

import numpy as np
import pytest
from scipy import stats

from genai_keras.plots import flow
from genai_keras.plots.flow import image_paths, number_paths

random = np.random.default_rng(0)


@pytest.mark.parametrize("value_range", [(-1, 1), (0, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_is_one_image_on_its_way(value_range, channels):
    """Noise goes beyond the range: it is cut off, and nothing else changes."""
    low, high = value_range
    paths = random.normal(0.0, 2.0, (3, 4, 5, 6, channels))
    image = image_paths(paths, value_range)
    unit = ((paths - low) / (high - low)).clip(0, 1)
    factor = -(-560 // (4 * 8 + 2))  # so that the grid is 560 wide or more
    grid = image[-(3 * 7 + 2) * factor :, -(4 * 8 + 2) * factor :][::factor, ::factor] / 255
    for row in range(3):
        for column in range(4):
            y, x = 2 + 7 * row, 2 + 8 * column
            found = grid[y : y + 5, x : x + 6]
            assert found == pytest.approx(np.broadcast_to(unit[row, column], (5, 6, 3)), abs=0.01)


def test_the_times_stand_above_their_columns(monkeypatch):
    seen = []
    monkeypatch.setattr(flow, "labelled", lambda grid, title, columns: seen.append(columns))
    image_paths(np.zeros((2, 5, 4, 4, 1)))
    assert seen == [["0", "0.25", "0.5", "0.75", "1"]]


def test_lines_of_numbers_begin_at_the_noise_and_end_beside_the_true_density(monkeypatch):
    drawn = []

    def keep(paint, **size):
        from matplotlib.figure import Figure

        figure = Figure()
        paint(figure)
        drawn.append(figure.axes)

    monkeypatch.setattr(flow, "draw", keep)
    paths = random.normal(size=(7, 5, 1))
    number_paths(paths, stats.norm.pdf)
    ((ways, truth),) = drawn
    lines = [line.get_xydata() for line in ways.get_lines()]
    assert len(lines) == 7
    for line, path in zip(lines, paths, strict=True):
        assert line[:, 0] == pytest.approx(np.linspace(0, 1, 5))
        assert line[:, 1] == pytest.approx(path[:, 0])
    (curve,) = truth.get_lines()
    density, x = curve.get_xydata().T
    assert density == pytest.approx(stats.norm.pdf(x))
    assert ways.get_ylim() == truth.get_ylim()  # they stand beside each other


def test_numbers_are_drawn_as_an_image():
    assert number_paths(random.normal(size=(7, 5, 1)), stats.norm.pdf).shape == (480, 640, 3)
