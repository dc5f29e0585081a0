"""What Matplotlib draws does not depend on what the user has set for it."""

import matplotlib
import numpy as np
import pytest

from genai_keras.plots.attention import attention_image
from genai_keras.plots.density import density_plot
from genai_keras.plots.figures import draw

HOSTILE = {
    "savefig.dpi": 31,
    "figure.dpi": 17,
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "text.usetex": True,  # needs a LaTeX that is not there
    "font.size": 40,
    "font.family": ["no such font"],
    "axes.facecolor": "black",
    "figure.autolayout": True,
    "image.cmap": "gray",
    "axes.unicode_minus": False,
}


def density():
    return density_plot(np.linspace(-3, 3, 99), lambda x: np.exp(-(x**2)), "a title")


def attention():
    return attention_image(np.full((1, 2, 3, 3), 0.5), "abc", "xyz", "reading")


@pytest.mark.parametrize("plot", [density, attention])
def test_a_matplotlibrc_changes_nothing_and_is_left_as_it_was(plot):
    usual = plot()
    with matplotlib.rc_context(HOSTILE):
        before = {name: matplotlib.rcParams[name] for name in HOSTILE}
        assert np.array_equal(plot(), usual)
        assert {name: matplotlib.rcParams[name] for name in HOSTILE} == before
    assert usual.dtype == np.uint8 and usual.shape[2] == 3


def test_a_figure_has_the_size_that_was_asked_for():
    assert draw(lambda figure: figure.subplots(), figsize=(2.0, 1.0), dpi=50).shape == (50, 100, 3)
