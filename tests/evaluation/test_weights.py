"""Arrays in files: what is read is what was written, or an error that is expected."""

import numpy as np
import pytest

from genai_keras.evaluation.weights import read_arrays, write_arrays

ARRAYS = {"a": np.arange(6, dtype="float32").reshape(2, 3), "key": np.array("recipe 1")}


def test_arrays_come_back_and_equal_ones_give_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_arrays(tmp_path / name, ARRAYS)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = read_arrays(tmp_path / "a.npz", dict)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.array_equal(found[name], array) and found[name].dtype == array.dtype


def test_a_damaged_file_is_a_value_error_wherever_the_damage_is(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS)
    content = path.read_bytes()
    damaged = [content[:length] for length in range(len(content))]
    for place in range(len(content)):
        for bit in (1, 64, 255):
            changed = bytearray(content)
            changed[place] ^= bit
            damaged.append(bytes(changed))
    refused = 0
    for each in damaged:
        path.write_bytes(each)
        try:
            found = read_arrays(path, dict)
        except ValueError:
            refused += 1
        else:  # no reader looks at the dates, for example
            assert all(
                np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS if name in found
            )
    assert refused > 0.7 * len(damaged)


def test_what_cannot_be_used_is_a_value_error_and_a_missing_file_is_none(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS)
    for use in (lambda arrays: arrays["none"], lambda arrays: [][1], lambda arrays: len(3)):
        with pytest.raises(ValueError) as failure:
            read_arrays(path, use)
        assert str(failure.value)
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))  # a single array, not one by name
    with pytest.raises(ValueError):
        read_arrays(path, dict)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz", dict)
