"""Arrays in a folder of `.npy` files are the same data as in an `.npz`, but never in memory."""

import os
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from helpers import DENSE, DIGITS, refused

from genai_keras import train_gan
from genai_keras.callbacks.images import ImageGrid
from genai_keras.data import stored
from genai_keras.data.images import load_images
from genai_keras.data.stored import StoredArray

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (40, 6, 5), "uint8")
LABELS = np.arange(40) % 3
KINDS = {
    "uint8": PIXELS,
    "colour": RANDOM.integers(0, 256, (40, 6, 5, 3), "uint8"),
    "int64": PIXELS.astype("int64"),
    "big-endian": PIXELS.astype(">i4")[..., None],
    "float64": PIXELS / 255,
    "bool": PIXELS > 127,
}


def save_both(place, **arrays):
    """The same arrays in an npz and in a folder; returns both paths."""
    folder = place / "arrays"
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    np.savez(place / "arrays.npz", **arrays)
    return place / "arrays.npz", folder


def everything(batches):
    return [*batches.shuffled().take(9).as_numpy_iterator(), *batches.in_order()]


@pytest.mark.parametrize("images", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    "options", [{}, {"limit": 25, "conditional": True}, {"image_size": 4, "channels": 1}], ids=str
)
def test_the_same_batches_as_from_an_npz(tmp_path, images, options):
    arrays = {"x_train": images, "x_test": images[:9], "y_train": LABELS, "y_test": LABELS[:9]}
    parts = [load_images("npz", path, 8, 3, **options) for path in save_both(tmp_path, **arrays)]
    for one, other in zip(*parts, strict=True):
        assert (one.count, one.element_shape) == (other.count, other.element_shape)
        assert one.fingerprint() == other.fingerprint()
        assert np.array_equal(one.labels, other.labels)
        for ours, theirs in zip(everything(one), everything(other), strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)


def test_rows_are_those_of_numpy(tmp_path):
    np.save(tmp_path / "x.npy", PIXELS)
    array = StoredArray(tmp_path / "x.npy")
    for index in (slice(3, 7), slice(None), slice(38, 99), np.array([5, 0, 39, 5]), np.array([7])):
        assert np.array_equal(array[index], PIXELS[index])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_test": None}, ["no x_test.npy"]),
        ({"x_train": np.full((2000, 6, 5), 0.5) + (np.arange(2000) > 1500)[:, None, None]},
         ["x_train[1501] contains 1.5"]),
        ({"x_train": 255 - np.arange(2000)[:, None, None].clip(1255) // 1500 * 256},
         ["x_train[1500] contains -1, not 0 to 255"]),
        ({"x_train": np.ones((2000, 6, 5), "uint8")}, ["x_train has only the values 0 and 1"]),
        ({"x_train": np.asfortranarray(PIXELS)}, ["x_train.npy is stored in columns"]),
        ({"x_train": PIXELS[:0]}, ["x_train.npy claims the shape (0, 6, 5)"]),
        ({"x_train": PIXELS[:, :3]}, ["training images are 3 x 5 x 1 and its test images 6 x 5"]),
        ({"x_train": np.array(["text"])}, ["not a type of real numbers"]),
        ({"y_train": LABELS[:7]}, ["7 labels for 40 images"]),
        ({"y_train": LABELS * 2}, ["the label 4, but not 1"]),
    ],
    ids=["missing", "float", "integer", "0 and 1", "columns", "empty", "shapes", "text",
         "labels", "classes"],
)  # fmt: skip
def test_what_cannot_be_used_is_named(tmp_path, changes, words):
    arrays = {"x_train": PIXELS, "x_test": PIXELS, "y_train": LABELS, "y_test": LABELS} | changes
    arrays = {name: array for name, array in arrays.items() if array is not None}
    _, folder = save_both(tmp_path, **arrays)
    refused(lambda: load_images("npz", folder), folder, *words)


def test_a_file_that_is_cut_or_too_long(tmp_path):
    _, folder = save_both(tmp_path, x_train=PIXELS, x_test=PIXELS)
    whole = (folder / "x_train.npy").read_bytes()
    for data in (whole[:-1], whole + b"\0", whole[:100], b""):
        (folder / "x_train.npy").write_bytes(data)
        refused(lambda: load_images("npz", folder), folder)


def test_a_file_that_is_cut_while_it_is_read(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", PIXELS)
    array = StoredArray(tmp_path / "x.npy")
    os.truncate(tmp_path / "x.npy", (tmp_path / "x.npy").stat().st_size - 1)
    refused(lambda: array[np.array([0])], "x.npy has changed")
    monkeypatch.setattr(stored, "stamp_of", lambda file: array._stamp)  # as if it were cut just now
    assert np.array_equal(array[np.array([0, 38])], PIXELS[[0, 38]])
    for index in (np.array([0, 39]), slice(None)):
        refused(lambda index=index: array[index], "x.npy has changed")


def test_gigabytes_take_no_memory(tmp_path):
    """A sparse file of 4 GB, of which the first and the last image are not black."""
    shape = (1_000_000, 64, 64)
    bright = np.full(shape[1:], 200, "uint8")
    np.save(tmp_path / "x_test.npy", np.stack([bright] * 2))
    with open(tmp_path / "x_train.npy", "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        file.write(bright)
        file.seek(start + 999_999 * bright.size)
        file.write(bright)
    order = np.random.default_rng(0).permutation(shape[0])  # in which an npz is used
    places = [int(np.flatnonzero(order == row)[0]) for row in (0, shape[0] - 1, 1)]
    tracemalloc.start()
    train, _ = load_images("npz", tmp_path, value_range=(0, 1))
    first = next(iter(train.shuffled()))
    means = [float(np.mean(train.fetch(np.array([place])))) for place in places]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert train.count == 1_000_000 and first.shape == (64, 64, 64, 1)
    assert means == pytest.approx([200 / 255, 200 / 255, 0])
    assert peak < 100 << 20


def test_a_file_that_changes_in_training_loses_nothing(tmp_path, monkeypatch, capsys):
    """The run ends with a line, where a memory map would end the process; then it resumes."""
    images = RANDOM.integers(0, 256, (64, 8, 8), "uint8")
    _, folder = save_both(tmp_path, x_train=images, x_test=images[:8])
    whole, seen = (folder / "x_train.npy").read_bytes(), []
    times = (folder / "x_train.npy").stat()

    def cut(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == 5:
            os.truncate(folder / "x_train.npy", len(whole) // 2)

    options = [*DIGITS, *DENSE, "--dataset", "npz", "--data-dir", str(folder), "--verbose", "0"]
    options += ["--run-dir", str(tmp_path / "run"), "--save-every", "1", "--epochs", "9"]
    with monkeypatch.context() as patched:
        patched.setattr(ImageGrid, "on_train_batch_end", cut, raising=False)
        assert train_gan.main(options) == 1
    said = capsys.readouterr().err.splitlines()
    assert any("x_train.npy has changed since it was opened" in line for line in said)
    assert len(said) < 4
    (folder / "x_train.npy").write_bytes(whole)
    os.utime(folder / "x_train.npy", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert train_gan.main([*options, "--resume"]) == 0
