"""Text, cut into windows of tokens."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.data.byte_pairs import to_bytes
from genai_keras.data.tokenizers import Tokenizer, learn_tokenizer
from genai_keras.errors import UsageError, UserError


@dataclass(frozen=True)
class Text:
    """A text in two parts, with its tokenizer.

    Args:
        train: windows that begin at any token of the first nine tenths.
        validation: adjacent windows of the last tenth, so that each token is predicted once.
        tokenizer: tokenizer learnt from the first nine tenths.
        tokens_per_character: ratio in the last tenth; bits per character are bits per token times
            this.
        fingerprint: hash of the text.
    """

    train: Batches
    validation: Batches
    tokenizer: Tokenizer
    tokens_per_character: float
    fingerprint: str


def load_text(
    dataset,
    data_dir=None,
    context_length=64,
    batch_size=64,
    seed=0,
    limit=None,
    tokenizer="char",
    vocabulary_size=512,
    steps_per_epoch=None,
):
    """Loads a text: the first nine tenths of its characters for training, the rest for validation.

    Args:
        dataset: `python-docs`, the chapters of the manual that `help()` of this Python shows, or
            `text`, a file of your own in UTF-8.
        data_dir: the file of `text`.
        context_length: number of predicted tokens; an element has one more, before the first.
        batch_size: windows per batch.
        seed: seed of the training order.
        limit: largest number of characters, from the beginning of the text.
        tokenizer: "char" or "bpe".
        vocabulary_size: largest number of tokens of "bpe".
        steps_per_epoch: batches per epoch; None means one window from every position of the text.

    Returns:
        A `Text`, whose batches are `(batch, context_length + 1)` int32.

    Raises:
        UserError: the file does not exist, is not in UTF-8, or is too short for the context.
    """
    if dataset == "python-docs":
        text = _read_python_docs()
    else:
        text = read_utf8(dataset, data_dir, "text file")
    text = text[:limit]
    border = len(text) * 9 // 10
    train_text, validation_text = text[:border], text[border:]
    tokenizer = learn_tokenizer(tokenizer, train_text, vocabulary_size)
    train, validation = tokenizer.encode(train_text), tokenizer.encode(validation_text)
    longest = min(len(train), len(validation)) - 1
    if longest < 1:
        raise UserError(
            f"the text is too short: its length is {len(text)}, but its last tenth, which is for "
            "validation, needs at least two tokens"
        )
    if context_length > longest:
        raise UserError(
            f"`context_length={context_length}` is too long for the last tenth of the text, which "
            f"is for validation: use at most {longest}"
        )
    return Text(
        _windows(train, context_length, 1, batch_size, seed, steps_per_epoch),
        _windows(validation, context_length, context_length, batch_size, seed),
        tokenizer,
        len(validation) / len(validation_text),
        fingerprint_of(text),
    )


def _windows(tokens, context_length, stride, batch_size, seed, epoch_steps=None):
    """Batches of all full windows that begin at every `stride`-th token."""
    count = (len(tokens) - 1 - context_length) // stride + 1
    tokens = tf.constant(tokens)

    def fetch(indices):
        places = tf.range(context_length + 1, dtype=tf.int64)
        return tf.gather(tokens, stride * indices[:, None] + places)

    return Batches(fetch, count, (context_length + 1,), batch_size, seed, epoch_steps=epoch_steps)


def encode_prompt(prompt, tokenizer):
    """Encodes a prompt as tokens, `(length,)` int32; warns of unknown characters.

    Raises:
        UsageError: the prompt is empty.
    """
    if not prompt:
        raise UsageError("the `prompt` is empty: give at least one character to begin with")
    unknown = tokenizer.unknown_in(prompt)
    if unknown and unknown != ["\n"]:
        print(
            f"warning: the text does not contain {' '.join(map(repr, unknown))}, so the model "
            "reads it in `prompt` as an unknown character",
            file=sys.stderr,
        )
    return tokenizer.encode(prompt)


def fingerprint_of(text):
    """A hash, equal for two texts only if they are equal."""
    return hashlib.sha256(to_bytes(text)).hexdigest()


def _read_python_docs():
    """About 465,000 characters; they differ slightly between versions of Python."""
    from pydoc_data.topics import topics

    lines = "\n".join(topics[name] for name in sorted(topics)).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def read_utf8(dataset, path, content):
    """Reads a user's own file, with "\\n" as line end on every system.

    Args:
        dataset: the name of the data set, for messages.
        path: the value of `data_dir`, or None.
        content: the expected kind of file, for messages.

    Raises:
        UserError: the file does not exist, is empty, or is not text in UTF-8.
        UsageError: no file is given.
    """
    try:
        needed = f"`dataset={dataset}` needs `data_dir` to name your {content}"
        if path is None:
            raise UsageError(needed)
        if Path(path).is_dir():
            raise UserError(f"{needed}, not the folder {path}")
        if Path(path).exists() and not Path(path).is_file():  # a pipe or a device may never end
            raise UserError(f"{path} is not an ordinary file: copy its content to one")
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")  # Windows marks UTF-8 with it
    except UnicodeDecodeError as error:
        is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data
        raise UserError(
            f"{path} is not in UTF-8 (see byte {error.start}): convert it, for example with "
            f"iconv -f {'UTF-16' if is_utf16 else 'WINDOWS-1252'} -t UTF-8 {path} > new.txt"
        ) from None
    if b"\0" in data:  # UTF-16 without a mark looks like UTF-8 with a NUL in every other byte
        raise UserError(
            f"{path} has a NUL (see byte {data.index(0)}), so it is not text in UTF-8: if it is in "
            f"UTF-16, convert it with iconv -f UTF-16LE -t UTF-8 {path} > new.txt"
        )
    if not text:
        raise UserError(f"{path} is empty")
    return text.replace("\r\n", "\n")
