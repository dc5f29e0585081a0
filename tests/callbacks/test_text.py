"""Samples of text, as files and as one line of a terminal."""

import pytest
from rich.cells import cell_len

from genai_keras.callbacks.text import TextSample


class Writer:
    """A tokenizer and a model of one text."""

    def __init__(self, text):
        self.text = text

    def encode(self, text):
        return text

    def decode(self, tokens):
        return tokens

    def generate(self, prompt, length, **sampling):
        return [self.text]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("To be,\nor not\tto be", "  | To be, or not to be"),
        ("word " * 50, "  | " + ("word " * 16)[:76].rstrip()),
        ("\u5b57" * 60, "  | " + "\u5b57" * 38),  # each takes two columns
    ],
    ids=["lines", "long", "wide"],
)
def test_a_sample_is_whole_in_its_file_and_one_line_on_the_terminal(text, line, tmp_path):
    writer = Writer(text)
    sample = TextSample(tmp_path, writer, "", 10)
    sample.set_model(writer)
    sample.show(tmp_path / "epoch_0001.txt", 1, {})
    assert (tmp_path / "epoch_0001.txt").read_text(encoding="utf-8") == text + "\n"
    assert sample.preview == line
    assert cell_len(sample.preview) <= 80
