"""Samples of text after each epoch: what a language model writes, what an encoder-decoder does."""

import tensorflow as tf

from genai_keras.callbacks.epochs import EachEpoch
from genai_keras.files import write_text

PRINTED = 240  # characters of a sample that the terminal shows


class TextSample(EachEpoch):
    """What the model writes behind a prompt: `samples/epoch_0001.txt`, TensorBoard, the terminal.

    Args:
        run_dir: the run folder.
        tokenizer: of the text.
        prompt: what the model continues.
        length: tokens to add.
        verbose: 0 leaves the terminal alone.
        **sampling: temperature, top_k, top_p and seed, as of `LanguageModel.generate`.
    """

    def __init__(self, run_dir, tokenizer, prompt, length, verbose=1, **sampling):
        super().__init__(run_dir, suffix=".txt")
        self.tokenizer = tokenizer
        self.prompt = tokenizer.encode(prompt)
        self.length = length
        self.verbose = verbose
        self.sampling = sampling

    def show(self, path, epoch, logs):
        tokens = self.model.generate(self.prompt, self.length, **self.sampling)[0]
        text = self.tokenizer.decode(tokens)
        write_text(path, text + "\n")
        tf.summary.text("sample", as_markdown(text))
        if self.verbose:
            shown = text[:PRINTED].strip().replace("\n", "\n  | ")
            print(f"\n  | {shown}\n")


class Translations(EachEpoch):
    """What the model makes of a few sources: `samples/epoch_0001.txt`, TensorBoard, the terminal.

    Args:
        run_dir: the run folder.
        pairs: source and true target, two strings each.
        source: their sources as tokens, `(n, length)`.
        tokenizer: of the targets.
        verbose: 0 leaves the terminal alone.
    """

    def __init__(self, run_dir, pairs, source, tokenizer, verbose=1):
        super().__init__(run_dir, suffix=".txt")
        self.pairs = pairs
        self.source = source
        self.tokenizer = tokenizer
        self.verbose = verbose

    def show(self, path, epoch, logs):
        written = self.model.generate(self.source)
        lines = [
            f"{source} -> {self.tokenizer.decode(tokens)} ({target})"
            for (source, target), tokens in zip(self.pairs, written, strict=True)
        ]
        write_text(path, "\n".join(lines) + "\n")
        tf.summary.text("translations", as_markdown("\n".join(lines)))
        if self.verbose:
            print("\n" + "\n".join(f"  | {line}" for line in lines[:4]) + "\n")


def as_markdown(text):
    """Text as TensorBoard shows it line by line: a code block, which it leaves alone."""
    return "\n".join("    " + line for line in text.splitlines())
