"""Attention maps: every weight is drawn, and labels can be read, whatever the tokens are."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from genai_keras.plots import attention
from genai_keras.plots.attention import attention_image, printable

LETTERS = [chr(ord("a") + i % 26) for i in range(200)]
WORDS = ["the␣", "international␣relations", "<padding>", "\\xe4\\xbd", "W", "⏎⏎"] * 4
FORMULAS = ["$x$", "$\\frac$", "\\", "_", "^", "%", "你", "好"]


def drawn(monkeypatch, queries, keys, blocks=2, heads=2):
    """The figure of random weights, and the weights."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda f, *a, **k: (figures.append(f), save(f, *a, **k)))
    maps = np.random.default_rng(0).uniform(0, 1, (blocks, heads, len(queries) + 1, len(keys) + 2))
    image = attention_image(maps, queries, keys, "reading")
    assert image.dtype == np.uint8 and image.shape[2] == 3
    return figures[0], maps, image


def written(axis):
    return [label for label in axis.get_ticklabels() if label.get_text()]


def test_each_map_is_that_of_its_block_and_head_without_what_has_no_label(monkeypatch):
    figure, maps, _ = drawn(monkeypatch, LETTERS[:3], LETTERS[:4])
    for index, axes in enumerate(figure.axes):
        block, head = divmod(index, 2)
        assert axes.get_title() == f"block {block + 1}, head {head + 1}"
        assert np.array_equal(axes.images[0].get_array(), maps[block, head, :3, :4])
        assert [t.get_text() for t in written(axes.yaxis)] == (LETTERS[:3] if head == 0 else [])
        assert [t.get_text() for t in written(axes.xaxis)] == (LETTERS[:4] if block == 1 else [])


@pytest.mark.parametrize(
    ("queries", "keys"),
    [
        (LETTERS[:24], LETTERS[:24]),
        (LETTERS[:40], LETTERS[:200]),
        (["W"] * 40, ["W"] * 40),
        (WORDS, WORDS),
        (FORMULAS, FORMULAS),
        (["a"], ["b"]),
    ],
    ids=["24", "200", "wide", "words", "formulas", "one"],
)
def test_no_label_touches_another_or_leaves_the_image(queries, keys, monkeypatch):
    figure, _, image = drawn(monkeypatch, queries, keys, blocks=1)
    height, width = image.shape[:2]
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            boxes = [label.get_window_extent() for label in written(axis)]
            assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
            for box in boxes:
                assert 0 <= box.x0 < box.x1 <= width and 0 <= box.y0 < box.y1 <= height
            assert all(label.get_fontsize() >= 9 for label in written(axis))
    assert [t.get_text() for t in written(figure.axes[0].yaxis)] == list(map(printable, queries))


def test_of_a_long_sequence_evenly_spaced_tokens_are_labelled_and_it_says_so(monkeypatch):
    figure, _, _ = drawn(monkeypatch, LETTERS[:3], LETTERS[:100], blocks=1, heads=1)
    (axes,) = figure.axes
    assert [t.get_text() for t in written(axes.xaxis)] == LETTERS[:100:3]
    assert list(axes.get_xticks()) == list(range(0, 100, 3))
    assert "1 label per 3 tokens" in axes.get_xlabel() and axes.get_ylabel() == "reading"


def test_a_character_that_no_font_draws_is_written_as_its_code(monkeypatch):
    assert printable("␣⏎⇥é$") == "␣⏎⇥é$"
    assert printable("international") == "internation…"
    monkeypatch.setattr(attention, "known_characters", lambda: set(map(ord, "ab")))
    assert printable("a你") == "a\\u4f60"
    assert printable("你😀好") == "\\u4f60\\U000…"
    assert printable("😀") == "\\U0001f600"
