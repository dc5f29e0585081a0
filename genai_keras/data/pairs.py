"""Pairs of sentences for translation."""

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.data.procedural import WORLDS
from genai_keras.data.text import fingerprint_of, read_utf8
from genai_keras.data.tokenizers import Tokenizer, learn_tokenizer
from genai_keras.errors import UserError

SPECIALS = ("<padding>", "<end>")
PADDING, END = range(2)
LEARNT_FROM = 20_000  # pairs from which tokenizers learn a procedural world


@dataclass(frozen=True)
class Pairs:
    """Pairs in two parts that share no source, with their tokenizers.

    Args:
        train: batches of `(source, target)`, each `(batch, length)` int32: the tokens of a
            sentence, `END`, and `PADDING` up to the length of all sources, or of all targets.
        validation: the same for validation.
        source_tokenizer, target_tokenizer: tokenizers learnt from the training part.
        validation_texts: `(source, target)` of the validation part, in order.
        left_out: number of pairs in both parts that were too long.
        fingerprint: hash of the file of `pairs`.
    """

    train: Batches
    validation: Batches
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    validation_texts: list[tuple[str, str]]
    left_out: int = 0
    fingerprint: str | None = None


def load_pairs(
    dataset,
    data_dir=None,
    batch_size=64,
    seed=0,
    limit=None,
    source_tokenizer="char",
    target_tokenizer="char",
    vocabulary_size=2000,
    max_length=64,
    steps_per_epoch=None,
):
    """Loads pairs of a source and its target, in two parts that share no source.

    Args:
        dataset: `dates` or `sort` (`procedural.py`), or `pairs`, a file of your own: UTF-8, with a
            source, a tab and its target on each line. Text after a second tab is ignored; files
            from manythings.org have the attribution there. A tenth of the sources, with all their
            targets, is for validation.
        data_dir: the file of `pairs`.
        batch_size: pairs per batch.
        seed: seed of the training order; the division into parts does not depend on it.
        limit: largest number of pairs for training.
        source_tokenizer, target_tokenizer: "char" or "bpe".
        vocabulary_size: largest number of tokens of each "bpe".
        max_length: skip pairs of `pairs` with more tokens, including `END`, on either side.
        steps_per_epoch: batches per epoch; None is a pass over all training pairs.

    Returns:
        A `Pairs`.

    Raises:
        UserError: data are missing or unusable; the message says what to do.
    """

    def learn(pairs):
        return [
            _learn(kind, side, vocabulary_size)
            for kind, side in zip(
                (source_tokenizer, target_tokenizer), zip(*pairs, strict=True), strict=True
            )
        ]

    deal = functools.partial(Batches, batch_size=batch_size, seed=seed)
    if dataset in WORLDS:
        pairs = _make_pairs(WORLDS[dataset](), learn, deal, limit)
    else:
        pairs = _load_file(dataset, data_dir, learn, deal, limit, max_length)
    train = dataclasses.replace(pairs.train, epoch_steps=steps_per_epoch)
    return dataclasses.replace(pairs, train=train)


def encode_sources(texts, tokenizer, length):
    """Encodes sentences as a model reads them.

    Args:
        texts: a list of strings.
        tokenizer: tokenizer of the sources.
        length: number of tokens that the model reads, including `END`.

    Returns:
        `(len(texts), length)` int32.

    Raises:
        UserError: a sentence is too long; the message shows its beginning.
    """
    tokens = [_encode_one(text, tokenizer) for text in texts]
    for text, each in zip(texts, tokens, strict=True):
        if len(each) > length:
            shown = text if len(text) <= 40 else text[:40] + "..."
            raise UserError(
                f'"{shown}" is too long: it has {len(each)} tokens with its end, but the model '
                f"reads at most {length}"
            )
    return _pad(tokens, length)


def _make_pairs(world, learn, deal, limit):
    """`Pairs` of a procedural world, encoded on demand because there are millions."""
    count = min(world.train_count, limit or world.train_count)
    places = np.linspace(0, count - 1, min(count, LEARNT_FROM)).astype(int).tolist()
    tokenizers = learn([world.train_pair(place) for place in places])
    # The texts are ASCII, so no tokenizer makes more tokens than characters.
    lengths = world.source_length + 1, world.target_length + 1

    def encode(indices):
        tokens = _encode([world.train_pair(index) for index in indices.tolist()], tokenizers)
        sides = zip(zip(*tokens, strict=True), lengths, strict=True)
        return [_pad(side, length) for side, length in sides]

    def fetch(indices):
        return tf.numpy_function(encode, [indices], [tf.int32, tf.int32], stateful=False)

    texts = [world.validation_pair(place) for place in range(world.validation_count)]
    shapes = tuple((length,) for length in lengths)
    validation = deal(_look_up(_encode(texts, tokenizers), lengths), len(texts), shapes)
    return Pairs(deal(fetch, count, shapes), validation, *tokenizers, texts)


def _load_file(dataset, path, learn, deal, limit, max_length):
    """`Pairs` of a file, all encoded in advance, without those that are too long."""
    train_texts, validation_texts = _split(_read_pairs(dataset, path))
    train_texts = train_texts[:limit]
    tokenizers = learn(train_texts)

    def is_short(pair):
        return all(len(tokens) <= max_length for tokens in _encode([pair], tokenizers)[0])

    parts = [list(filter(is_short, part)) for part in (train_texts, validation_texts)]
    whole = len(train_texts) + len(validation_texts)
    left_out = whole - sum(map(len, parts))
    if not all(parts):
        raise UserError(
            f"`max_length={max_length}` leaves no pairs for training or for validation: "
            f"{left_out} of {whole} are longer"
        )
    train, validation = encoded = [_encode(part, tokenizers) for part in parts]
    lengths = [max(map(len, side)) for side in zip(*train, *validation, strict=True)]
    shapes = tuple((length,) for length in lengths)
    batches = [deal(_look_up(tokens, lengths), len(tokens), shapes) for tokens in encoded]
    return Pairs(*batches, *tokenizers, parts[1], left_out, fingerprint_of(repr(parts)))


def _read_pairs(dataset, path):
    """The distinct pairs of a file, in order."""
    pairs = {}  # a dictionary keeps the order
    # Not splitlines, because a sentence may contain a line separator of Unicode.
    for number, line in enumerate(read_utf8(dataset, path, "file of pairs").split("\n"), 1):
        if not line.strip():
            continue
        source, *targets = (side.strip() for side in line.split("\t"))
        if not targets:
            raise UserError(f"line {number} of {path} has no tab between source and target")
        if not source or not targets[0]:
            missing = "target" if source else "source"
            raise UserError(f"line {number} of {path} has an empty {missing}: fill it or delete it")
        pairs[source, targets[0]] = None
    if not pairs:
        raise UserError(f"{path} has no pairs: each line needs a source, a tab and a target")
    if len({source for source, _ in pairs}) == 1:
        raise UserError(f"{path} has only one source: validation needs a second one")
    return list(pairs)


def _split(pairs):
    """`(training, validation)` in random order, with all pairs of a source in the same part."""
    targets = {}
    for source, target in pairs:
        targets.setdefault(source, []).append(target)
    sources = list(targets)
    order = np.random.default_rng(0).permutation(len(sources))
    border = max(1, len(sources) // 10)
    return [
        [(sources[i], target) for i in part for target in targets[sources[i]]]
        for part in (order[border:], order[:border])
    ]


def _learn(kind, sentences, vocabulary_size):
    # One line per sentence, so that no merge crosses from one sentence into the next. A character
    # tokenizer does not need this, and the line end would be one more character.
    separator = "\n" if kind == "bpe" else ""
    return learn_tokenizer(kind, separator.join(sentences), vocabulary_size, SPECIALS)


def _encode(pairs, tokenizers):
    return [
        [_encode_one(text, each) for text, each in zip(pair, tokenizers, strict=True)]
        for pair in pairs
    ]


def _encode_one(text, tokenizer):
    return np.append(tokenizer.encode(text), np.int32(END))


def _pad(sentences, length):
    """Stacks arrays of tokens with padding, `(len(sentences), length)` int32."""
    # keras.utils.pad_sequences takes a tenth longer per batch and truncates long sentences.
    result = np.full((len(sentences), length), PADDING, "int32")
    for row, sentence in zip(result, sentences, strict=True):
        row[: len(sentence)] = sentence
    return result


def _look_up(tokens, lengths):
    """A fetch function for pairs that are already encoded."""
    sides = zip(zip(*tokens, strict=True), lengths, strict=True)
    sides = [tf.constant(_pad(side, length)) for side, length in sides]
    return lambda indices: tuple(tf.gather(side, indices) for side in sides)
