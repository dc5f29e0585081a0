"""Pairs of sentences for translation."""

import dataclasses
import functools
import itertools
import unicodedata
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.data.pair_files import read_pairs
from genai_keras.data.procedural import WORLDS
from genai_keras.data.reading import normalize_sentence, read_own, warn_of_unknown
from genai_keras.data.summaries import PairsSummary, shorten, unusual_in, warnings_about_pairs
from genai_keras.data.text import fingerprint_of
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
        fingerprint: hash of the file of `pairs`.
        summary: what was read, in a few lines.
    """

    train: Batches
    validation: Batches
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    validation_texts: list[tuple[str, str]]
    fingerprint: str | None = None
    summary: PairsSummary | None = None


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
    encoding=None,
    columns=None,
):
    """Loads pairs of a source and its target, in two parts that share no source.

    Args:
        dataset: `dates` or `sort` (`procedural.py`), or `pairs`, a file of your own, which
            `read_pairs` reads. A tenth of the sources, with all their targets, is for validation;
            sources that look the same are in the same part.
        data_dir: the file of `pairs`.
        batch_size: pairs per batch.
        seed: seed of the training order; the division into parts does not depend on it.
        limit: largest number of pairs for training.
        source_tokenizer, target_tokenizer: "char" or "bpe".
        vocabulary_size: largest number of tokens of each "bpe".
        max_length: skip pairs of `pairs` with more tokens, including `END`, on either side.
        steps_per_epoch: batches per epoch; None is a pass over all training pairs.
        encoding: name of the encoding of `pairs`; None for UTF-8, or UTF-16 or UTF-32 by their
            laws.
        columns: the two columns of `pairs`, such as "2,4"; None for the first two.

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
        pairs = _make_pairs(dataset, learn, deal, limit)
    else:
        own = read_own(dataset, data_dir, "file of pairs", encoding)
        pairs = _load_file(own, columns, learn, deal, limit, max_length)
    train = dataclasses.replace(pairs.train, epoch_steps=steps_per_epoch)
    return dataclasses.replace(pairs, train=train)


def encode_sources(texts, tokenizer, length):
    """Encodes sentences as a model reads them; warns of unknown characters.

    Args:
        texts: a list of strings.
        tokenizer: tokenizer of the sources.
        length: number of tokens that the model reads, including `END`.

    Returns:
        `(len(texts), length)` int32.

    Raises:
        UserError: a sentence is too long; the message shows its beginning.
    """
    texts = [normalize_sentence(text) for text in texts]
    tokens = [_encode_one(text, tokenizer) for text in texts]
    for text, each in zip(texts, tokens, strict=True):
        if len(each) > length:
            raise UserError(
                f'"{shorten(text)}" is too long: it has {len(each)} tokens with its end, but the '
                f"model reads at most {length}"
            )
    warn_of_unknown(texts, tokenizer)  # not above an error, which is one line
    return _pad(tokens, length)


def _make_pairs(dataset, learn, deal, limit):
    """`Pairs` of a procedural world, encoded on demand because there are millions."""
    world = WORLDS[dataset]()
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
    first = world.train_pair(0)
    summary = PairsSummary(dataset, None, "made by rules", first, count, len(texts))
    return Pairs(deal(fetch, count, shapes), validation, *tokenizers, texts, summary=summary)


def _load_file(own, columns, learn, deal, limit, max_length):
    """`Pairs` of a `Reading`, all encoded in advance, without those that are too long."""
    pairs, form, skipped = read_pairs(own.raw, own.path, columns)
    train_texts, validation_texts = _split(pairs, own.path)
    train_texts = train_texts[:limit]
    tokenizers = learn(train_texts)

    parts, encoded = [], []
    for texts in (train_texts, validation_texts):
        rows = zip(texts, _encode(texts, tokenizers), strict=True)
        kept = [row for row in rows if max(map(len, row[1])) <= max_length]
        parts.append([pair for pair, _ in kept])
        encoded.append([tokens for _, tokens in kept])
    whole = len(train_texts) + len(validation_texts)
    left_out = whole - sum(map(len, parts))
    if not all(parts):
        raise UserError(
            f"`max_length={max_length}` leaves no pairs for training or for validation: "
            f"{left_out} of {whole} are longer"
        )
    lengths = [max(map(len, side)) for side in zip(*itertools.chain(*encoded), strict=True)]
    shapes = tuple((length,) for length in lengths)
    batches = [deal(_look_up(tokens, lengths), len(tokens), shapes) for tokens in encoded]
    summary = PairsSummary(
        own.path.name,
        own.encoding,
        form,
        pairs[0],
        *map(len, parts),
        {**skipped, f"longer than {max_length} tokens": left_out},
        own.left_out,
        unusual_in(["".join(text for pair in pairs for text in pair)]),
        tuple(warnings_about_pairs(own, *parts)),
    )
    fingerprint = fingerprint_of([repr(parts)])
    return Pairs(*batches, *tokenizers, parts[1], fingerprint, summary)


def _split(pairs, path):
    """`(training, validation)` in random order, with all pairs of a source in the same part."""
    groups = {}  # of sources that look the same
    for pair in pairs:
        groups.setdefault(_identity(pair[0]), []).append(pair)
    if len(groups) == 1:
        raise UserError(f"{path} has only one source: validation needs a second one")
    groups = list(groups.values())
    order = np.random.default_rng(0).permutation(len(groups))
    border = max(1, len(groups) // 10)
    return [[pair for i in part for pair in groups[i]] for part in (order[border:], order[:border])]


def _identity(source):
    """Equal for sources that differ only in Unicode's form (NFKC) or in invisible characters."""
    visible = (each for each in source if unicodedata.category(each) != "Cf")
    return normalize_sentence(unicodedata.normalize("NFKC", "".join(visible)))


def _learn(kind, sentences, vocabulary_size):
    # One line per sentence, so that no merge crosses from one sentence into the next. A character
    # tokenizer does not need this, and the line end would be one more character.
    separator = "\n" if kind == "bpe" else ""
    return learn_tokenizer(kind, separator.join(sentences), vocabulary_size, SPECIALS)


def _encode(pairs, tokenizers):
    """Yields the tokens of the source and the target of each pair."""
    for pair in pairs:
        yield [_encode_one(text, each) for text, each in zip(pair, tokenizers, strict=True)]


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
