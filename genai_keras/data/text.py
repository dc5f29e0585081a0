"""Text, cut into windows of tokens."""

import hashlib
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.data.byte_pairs import to_bytes
from genai_keras.data.pieces import Pieces, read_pieces
from genai_keras.data.reading import normalize, warn_of_unknown
from genai_keras.data.summaries import TextSummary, unusual_in, warnings_about_text
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
        summary: what was read, in a few lines.
    """

    train: Batches
    validation: Batches
    tokenizer: Tokenizer
    tokens_per_character: float
    fingerprint: str
    summary: TextSummary


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
    encoding=None,
):
    """Loads a text: the first nine tenths of its characters for training, the rest for validation.

    Args:
        dataset: `python-docs`, the chapters of the manual that `help()` of this Python shows, or
            `text`, a file of your own, as `normalize` reads it.
        data_dir: the file of `text`.
        context_length: number of predicted tokens; an element has one more, before the first.
        batch_size: windows per batch.
        seed: seed of the training order.
        limit: largest number of characters, from the beginning of the text.
        tokenizer: "char" or "bpe".
        vocabulary_size: largest number of tokens of "bpe".
        steps_per_epoch: batches per epoch; None means one window from every position of the text.
        encoding: name of the encoding of `text`; None for UTF-8, or UTF-16 or UTF-32 by their laws.

    Returns:
        A `Text`, whose batches are `(batch, context_length + 1)` int32.

    Raises:
        UserError: the file does not exist, is not text, or is too short for the context.
    """
    if dataset == "python-docs":
        own, text = None, Pieces.of(_read_python_docs())
    else:
        own, text = read_pieces(dataset, data_dir, "text file", encoding)
    text = text[:limit]
    border = len(text) * 9 // 10
    train_text, validation_text = text[:border], text[border:]
    tokenizer = learn_tokenizer(tokenizer, train_text, vocabulary_size)
    train, validation = _encode(tokenizer, train_text), _encode(tokenizer, validation_text)
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
        _summarize(own, text, border, tokenizer),
    )


def _encode(tokenizer, pieces):
    """The tokens of a text, `(length,)`, in the smallest type that has room for all."""
    most = tokenizer.vocabulary_size - 1
    dtype = next(each for each in ("uint8", "uint16", "int32") if most <= np.iinfo(each).max)
    tokens = bytearray()  # it grows without a second copy
    for piece in pieces:
        tokens += tokenizer.encode(piece).astype(dtype).tobytes()
    return np.frombuffer(tokens, dtype)


def _summarize(own, text, border, tokenizer):
    """The `TextSummary` of a text; `own` is the `Reading` of a user's file, or None."""
    warnings = warnings_about_text(own, text[:border], text[border:]) if own else ()
    return TextSummary(
        own.path.name if own else "python-docs",
        own and own.encoding,
        len(text),
        sum(piece.count("\n") for piece in text) + ("".join(text[-1:]) != "\n"),
        tokenizer.vocabulary_size,
        border,
        own.left_out if own else {},
        unusual_in(text),
        tuple(warnings),
    )


def _windows(tokens, context_length, stride, batch_size, seed, epoch_steps=None):
    """Batches of all full windows that begin at every `stride`-th token."""
    count = (len(tokens) - 1 - context_length) // stride + 1
    tokens = tf.constant(tokens)

    def fetch(indices):
        places = tf.range(context_length + 1, dtype=tf.int64)
        windows = tf.gather(tokens, stride * indices[:, None] + places)
        return tf.cast(windows, tf.int32)

    return Batches(fetch, count, (context_length + 1,), batch_size, seed, epoch_steps=epoch_steps)


def encode_prompt(prompt, tokenizer):
    """Encodes a prompt as tokens, `(length,)` int32; warns of unknown characters.

    Raises:
        UsageError: the prompt is empty.
    """
    prompt = normalize(prompt)
    if not prompt:
        raise UsageError("the `prompt` is empty: give at least one character to begin with")
    warn_of_unknown([prompt], tokenizer)
    return tokenizer.encode(prompt)


def fingerprint_of(pieces):
    """A hash of a text in pieces, equal for two texts only if they are equal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(to_bytes(piece))
    return digest.hexdigest()


def _read_python_docs():
    """About 465,000 characters; they differ slightly between versions of Python."""
    from pydoc_data.topics import topics

    lines = "\n".join(topics[name] for name in sorted(topics)).split("\n")
    return "\n".join(line.rstrip() for line in lines)
