"""Images as text: decoded again, they are the images."""

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from genai_keras.plots.strips import half_blocks, image_strip

RNG = np.random.default_rng(0)
# Where Unicode puts the dots 1 to 8 of a braille character: row and column.
PLACES = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1)]


def dots(lines):
    """The dots of braille text, `(4 x lines, 2 x columns)` bool."""
    found = np.zeros((4 * len(lines), 2 * len(lines[0])), bool)
    for y, line in enumerate(lines):
        for x, character in enumerate(line):
            for bit, (row, column) in enumerate(PLACES):
                found[4 * y + row, 2 * x + column] = (ord(character) - 0x2800) >> bit & 1
    return found


def test_grey_images_are_dots_where_they_are_bright():
    images = RNG.uniform(0, 1, (3, 28, 28, 1))
    lines = image_strip(images).plain.splitlines()
    for number, image in enumerate(images):
        left = number * 16
        assert np.array_equal(dots([line[left : left + 14] for line in lines]), image[..., 0] > 0.5)


def test_colour_images_are_two_pixels_in_a_character():
    image = np.round(RNG.uniform(0, 1, (14, 14, 3)) * 255) / 255
    for y, line in enumerate(half_blocks(image)):
        assert line.plain == "▀" * 14
        for x, span in enumerate(line.spans):
            above, below = (
                ",".join(str(round(255 * value)) for value in image[2 * y + half, x])
                for half in (0, 1)
            )
            assert span.style == f"rgb({above}) on rgb({below})"


@pytest.mark.parametrize(("width", "fit"), [(80, 5), (78, 5), (77, 4), (14, 1), (5, 1), (200, 12)])
@pytest.mark.parametrize("channels", [1, 3])
def test_as_many_images_as_fit(width, fit, channels):
    lines = image_strip(RNG.uniform(0, 1, (12, 8, 8, channels)), width).plain.splitlines()
    assert len(lines) == 7
    assert {cell_len(line) for line in lines} == {fit * 16 - 2}


def test_any_size_is_averaged_and_any_value_is_clipped():
    image = np.zeros((64, 40, 1))
    image[:32] = 7.0
    lines = image_strip(image[None]).plain.splitlines()
    half = np.asarray(Image.fromarray(np.float32(image[..., 0] > 0)).resize((28, 28), 4)) > 0.5
    assert np.array_equal(dots(lines), half)
