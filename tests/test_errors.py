"""What a failure says, in one line, whatever raised it."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from genai_keras.errors import LONGEST, cleaning_up, listed, one_line, warn


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("one\n  two\n\nthree"), "one two three"),
        (MemoryError(), "MemoryError"),
        (KeyError("name"), "'name'"),
        (
            OSError(28, "No space left on device", "a/b"),
            "[Errno 28] No space left on device: 'a/b'",
        ),
        (RuntimeError("\x1b[31mred\x1b[0m and \x07a bell"), "red and ?a bell"),
        (ValueError("Invalid `floatx` of 小说"), "Invalid 'floatx' of 小说"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_one_line_without_control_characters(error, says):
    assert one_line(error) == says


def test_a_long_one_is_cut_between_words():
    said = one_line(ValueError("word " * 1_000))
    assert len(said) <= LONGEST and said.endswith("word...")


@pytest.mark.parametrize("text", ["字" * 500, "see " + "字" * 500, "/" + "a" * 500])
def test_a_long_one_without_spaces_is_cut_within(text):
    said = one_line(ValueError(text))
    assert len(said) == LONGEST and said == text[: LONGEST - 3] + "..."


def test_of_what_keras_and_tensorflow_say_it_is_the_message():
    with pytest.raises(ValueError) as raised:
        keras.layers.Dense(3)(np.zeros(3))
    assert "\n" not in one_line(raised.value) and "min_ndim=2" in one_line(raised.value)

    class Broken(keras.layers.Layer):
        def call(self, inputs):
            raise RuntimeError("the injected cause")

    with pytest.raises(RuntimeError) as raised:
        Broken()(np.zeros((1, 1)))
    assert str(raised.value).count("\n") > 3
    assert one_line(raised.value) == "the injected cause"

    @tf.function
    def divide(x):
        return tf.debugging.check_numerics(1.0 / x, "no number here")

    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        divide(tf.constant(0.0))
    said = one_line(raised.value)
    assert "no number here" in said and "Detected at" not in said and "[[{{" not in said


def test_of_many_names_the_first_are_listed():
    names = [str(n) for n in range(40)]
    assert listed([]) == "" and listed(["cats"]) == "cats"
    assert listed(names[:10]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"  # "and 2 more" is no shorter
    assert listed(names[:11]) == "0, 1, 2, 3, 4, 5, 6, 7 and 3 more"
    assert listed(names) == "0, 1, 2, 3, 4, 5, 6, 7 and 32 more"


def test_clean_up_that_fails_adds_a_line_and_replaces_nothing(capsys):
    with pytest.raises(KeyError, match="first"):
        try:
            raise KeyError("first")
        finally:
            with cleaning_up("the door did not close"):
                raise ZeroDivisionError("division by zero")
    assert capsys.readouterr().err == "warning: the door did not close: division by zero\n"


def test_each_message_of_a_warning_is_a_line_for_those_who_can_read_it(capsys, monkeypatch):
    warn("one", "two")
    assert capsys.readouterr() == ("", "warning: one\nwarning: two\n")
    monkeypatch.setattr(sys, "stderr", None)  # so under pythonw, or with `2>&-`
    warn("nobody reads this")
    assert capsys.readouterr() == ("", "")
