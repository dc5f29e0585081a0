"""Samples of text after each epoch, from a language model or an encoder-decoder."""

import tensorflow as tf
from rich.cells import set_cell_size

from genai_keras.callbacks.epochs import EachEpoch
from genai_keras.files import write_text

PREVIEW = 76  # columns of the terminal for a line of text


class TextSample(EachEpoch):
    """The continuation of a prompt: in `samples/epoch_0001.txt` and on TensorBoard.

    Args:
        run_dir: the run folder.
        tokenizer: tokenizer of the text.
        prompt: text that the model continues.
        length: number of tokens to add.
        **sampling: temperature, top_k, top_p and seed, as in `LanguageModel.generate`.
    """

    def __init__(self, run_dir, tokenizer, prompt, length, **sampling):
        super().__init__(run_dir, suffix=".txt")
        self.tokenizer = tokenizer
        self.prompt = tokenizer.encode(prompt)
        self.length = length
        self.sampling = sampling

    def show(self, path, epoch, logs):
        tokens = self.model.generate(self.prompt, self.length, **self.sampling)[0]
        text = self.tokenizer.decode(tokens)
        write_text(path, text + "\n")
        tf.summary.text("texts/sample", as_markdown(text), step=epoch)
        self.preview = _line(text)


class Translations(EachEpoch):
    """Translations of a few sources: in `samples/epoch_0001.txt` and on TensorBoard.

    Args:
        run_dir: the run folder.
        pairs: pairs of strings, a source and its true target.
        source: the sources as tokens, `(n, length)`.
        tokenizer: tokenizer of the targets.
    """

    def __init__(self, run_dir, pairs, source, tokenizer):
        super().__init__(run_dir, suffix=".txt")
        self.pairs = pairs
        self.source = source
        self.tokenizer = tokenizer

    def show(self, path, epoch, logs):
        written = self.model.generate(self.source)
        lines = [
            f"{source} -> {self.tokenizer.decode(tokens)} ({target})"
            for (source, target), tokens in zip(self.pairs, written, strict=True)
        ]
        write_text(path, "\n".join(lines) + "\n")
        tf.summary.text("texts/translations", as_markdown("\n".join(lines)), step=epoch)
        self.preview = "\n".join(map(_line, lines[:3]))


def _line(text):
    """The beginning of a text in one line of a terminal, where some characters are wide."""
    words = " ".join(text.split())
    shown = "".join(each if each.isprintable() else "?" for each in words)  # no control characters
    return "  | " + set_cell_size(shown, PREVIEW).rstrip()


def as_markdown(text):
    """Text as a code block, which TensorBoard shows line by line."""
    return "\n".join("    " + line for line in text.splitlines())
