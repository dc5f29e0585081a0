"""Running text, cut into windows of tokens."""

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
    """A text in two parts, and how to read them.

    Args:
        train: windows that begin at any token of the first nine tenths.
        validation: windows of the last tenth side by side, so that each token is predicted once.
        tokenizer: learnt from the first nine tenths.
        tokens_per_character: of the last tenth; bits a character are bits a token times this.
        fingerprint: of the text; another text has another.
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
    """Loads a text: the first nine tenths of its characters to train on, the rest to validate.

    Args:
        dataset: `python-docs`, the chapters of the manual that this Python's `help()` shows, or
            `text`, a file of one's own in UTF-8.
        data_dir: the file of `text`.
        context_length: tokens that are predicted; an element has one more, before the first.
        batch_size: windows per batch.
        seed: keys the order of training.
        limit: use only so many characters, from the text's beginning.
        tokenizer: "char" or "bpe".
        vocabulary_size: the most tokens of "bpe".
        steps_per_epoch: batches an epoch; None means one window from every place of the text.

    Returns:
        A `Text`, whose batches are `(batch, context_length + 1)` int32.

    Raises:
        UserError: there is no such file, it is not in UTF-8, or too short for the context.
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
            f"the text is too short: its length is {len(text)}, and its last tenth, which "
            "validates, needs two tokens or more"
        )
    if context_length > longest:
        raise UserError(
            f"`context_length={context_length}` is too long for the text's last tenth, which "
            f"validates: at most {longest}"
        )
    return Text(
        _windows(train, context_length, 1, batch_size, seed, steps_per_epoch),
        _windows(validation, context_length, context_length, batch_size, seed),
        tokenizer,
        len(validation) / len(validation_text),
        fingerprint_of(text),
    )


def _windows(tokens, context_length, stride, batch_size, seed, epoch_steps=None):
    """Batches of the windows that begin at every `stride`-th token and are not cut short."""
    count = (len(tokens) - 1 - context_length) // stride + 1
    tokens = tf.constant(tokens)

    def fetch(indices):
        places = tf.range(context_length + 1, dtype=tf.int64)
        return tf.gather(tokens, stride * indices[:, None] + places)

    return Batches(fetch, count, (context_length + 1,), batch_size, seed, epoch_steps=epoch_steps)


def encode_prompt(prompt, tokenizer):
    """What a model shall continue, as tokens, `(length,)` int32; warns of unknown characters.

    Raises:
        UsageError: it is empty.
    """
    if not prompt:
        raise UsageError("the `prompt` is empty: give at least one character to begin with")
    unknown = tokenizer.unknown_in(prompt)
    if unknown and unknown != ["\n"]:
        print(
            f"warning: the text has no {' '.join(map(repr, unknown))}, so the model reads it in "
            "`prompt` as an unknown character",
            file=sys.stderr,
        )
    return tokenizer.encode(prompt)


def fingerprint_of(text):
    """A string that two texts share only if they are equal."""
    return hashlib.sha256(to_bytes(text)).hexdigest()


def _read_python_docs():
    """About 465,000 characters, a little different from one Python to the next."""
    from pydoc_data.topics import topics

    lines = "\n".join(topics[name] for name in sorted(topics)).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def read_utf8(dataset, path, content):
    """Reads a user's own file, with "\\n" at the end of its lines, whatever system it is from.

    Args:
        dataset: the name of the data set, for messages.
        path: what `data_dir` names, or None.
        content: what kind of file it should be, for messages.

    Raises:
        UserError: there is none, it is empty, or it is not a text in UTF-8.
        UsageError: none is named.
    """
    try:
        needed = f"`dataset={dataset}` needs `data_dir` to name your {content}"
        if path is None:
            raise UsageError(needed)
        if Path(path).is_dir():
            raise UserError(f"{needed}, not the folder {path}")
        if Path(path).exists() and not Path(path).is_file():  # a pipe or a device may never end
            raise UserError(f"{path} is no ordinary file: copy what it holds to one")
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
    if b"\0" in data:  # UTF-16 without its mark passes for UTF-8, with a NUL for every other byte
        raise UserError(
            f"{path} has a NUL (see byte {data.index(0)}), so it is no text in UTF-8: if it is one "
            f"in UTF-16, convert it with iconv -f UTF-16LE -t UTF-8 {path} > new.txt"
        )
    if not text:
        raise UserError(f"{path} is empty")
    return text.replace("\r\n", "\n")
