"""Grids with labels: the grid is left as it is, and each label stands where it belongs."""

from types import SimpleNamespace

import numpy as np
import pytest

from genai_keras.callbacks import latents
from genai_keras.callbacks.latents import LatentSpace, Reconstructions
from genai_keras.plots.images import GAP, LINE, captioned, image_grid, labelled
from genai_keras.plots.pixels import completion_grid

GRID = np.full((120, 560, 3), 128, "uint8")


def ink(image):
    """Rows and columns of the dark pixels."""
    return np.nonzero(image.max(axis=-1) < 100)


def test_the_grid_is_the_lower_right_corner_and_all_around_it_is_white_and_black():
    image = labelled(GRID, "title", ["a", "b"], ["one", "two"]).copy()
    assert np.array_equal(image[-120:, -560:], GRID)
    assert image.shape[0] == 120 + 2 * LINE
    image[-120:, -560:] = 255
    rows, columns = ink(image)
    assert rows.min() < LINE and columns.min() < GAP  # the title, and labels of rows
    assert (image == image[..., :1]).all()


@pytest.mark.parametrize("index", range(4))
def test_a_label_is_within_its_own_column_or_row(index):
    names = [""] * 4
    names[index] = "gap"
    rows, columns = ink(labelled(GRID, "", columns=names))
    assert rows.min() >= LINE and rows.max() < 2 * LINE  # below the title
    assert np.mean([columns.min(), columns.max()]) == pytest.approx(140 * index + 70, abs=2)
    rows, columns = ink(labelled(GRID, "", rows=names)[LINE:])
    assert 30 * index <= rows.min() and rows.max() < 30 * index + 30
    assert columns.max() < labelled(GRID, "", rows=names).shape[1] - 560


@pytest.mark.parametrize("word", ["MWMW", "ill"])
@pytest.mark.parametrize("words", [1, 12, 80])
def test_a_long_title_is_broken_into_lines_and_no_letter_is_lost(word, words):
    black = len(ink(labelled(GRID, word)[:LINE])[0])
    image = labelled(GRID, " ".join([word] * words))[:-120]
    assert len(image) % LINE == 0
    assert len(ink(image)[0]) == pytest.approx(words * black, rel=0.05)  # of smooth letters
    assert ink(image)[1].max() < 560 - GAP // 2


def test_completions_are_below_their_originals():
    random = np.random.default_rng(0)
    given, completed = random.integers(0, 2, (4, 64)), random.integers(0, 2, (8, 64))
    half = np.where(np.arange(64) < 32, given, 0.5)
    rows = np.concatenate([given, half, completed]).reshape(-1, 8, 8, 1)
    grid = image_grid(rows, columns=4, value_range=(0, 1))
    shown = completion_grid(given, completed)
    assert np.array_equal(shown[-grid.shape[0] :, -grid.shape[1] :], grid)
    assert ink(shown[:LINE])[0].size and ink(shown[:, : -grid.shape[1]])[0].size


@pytest.fixture
def drawn(monkeypatch):
    """What was labelled: images of each row, the title, and the labels of columns and rows."""
    found = []
    monkeypatch.setattr(latents, "image_grid", lambda images, columns, **_: (images, columns))
    monkeypatch.setattr(latents, "labelled", lambda *given, **named: found.append((given, named)))
    return found


@pytest.mark.parametrize(("count", "shown"), [(3, 3), (8, 8), (10, 8), (50, 32)])
def test_reconstructions_are_below_their_originals_in_full_rows(count, shown, drawn, tmp_path):
    originals = np.arange(count) + 0.0
    callback = Reconstructions(tmp_path, originals)
    callback.set_model(SimpleNamespace(reconstruct=lambda x, _: -x))
    callback.draw({})
    (((images, columns), _), named) = drawn[0]
    rows = images.reshape(-1, columns)
    assert named["rows"] == ["original", "reconstruction"] * (len(rows) // 2)
    assert np.array_equal(rows[::2].ravel(), originals[:shown])
    assert np.array_equal(rows[1::2], -rows[::2])


@pytest.mark.parametrize("latents_of_z", [2, 5])
def test_labels_of_a_latent_space_are_the_decoded_values(latents_of_z, drawn, tmp_path):
    codes = np.random.default_rng(0).normal(size=(9, latents_of_z)) * np.arange(1, latents_of_z + 1)
    model = SimpleNamespace(
        latent_dim=latents_of_z, encode=lambda *_: (codes, None), decode=lambda z, _: z
    )
    callback = LatentSpace(tmp_path, None)
    callback.set_model(model)
    callback.draw({})
    ((z, count), _, columns, rows), _ = drawn[0]
    assert len(columns) == count
    z = z.reshape(len(rows), count, latents_of_z)
    if latents_of_z == 2:
        expected = [[f"{value:.1f}" for value in z[0, :, 0]], [f"{v:.1f}" for v in z[:, 0, 1]]]
        assert [columns, rows] == expected
        return
    assert rows[0] == "z5"  # with the largest deviation
    for name, walk in zip(rows, z, strict=True):
        latent = int(name[1:]) - 1
        assert columns == [f"{value:.1f}" for value in walk[:, latent]]
        others = np.delete(walk, latent, axis=1)
        assert np.array_equal(others, np.delete(codes[[0] * count], latent, axis=1))


@pytest.mark.parametrize("name", ["run", "一次运行", "a-run-with-a-name-" * 5])
def test_a_name_beside_others_stays_above_its_own_image(name):
    sheet = captioned({name: GRID[:, :240], "b": GRID[:, :240]})
    above = sheet[:LINE]
    columns = ink(above)[1]
    assert columns.min() < 2 * GAP and GAP + 240 < columns.max() < 2 * GAP + 260
    assert not np.any((columns > GAP + 240) & (columns < 2 * GAP + 240))
    assert np.array_equal(sheet[LINE : LINE + 120, GAP : GAP + 240], GRID[:, :240])
