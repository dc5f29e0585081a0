"""A text in pieces is the text: the same tokens, counts and warnings as if it were read at once."""

import hashlib
import os
import random
import tracemalloc

import numpy as np
import pytest
from helpers import refused

from genai_keras.data import pieces
from genai_keras.data.byte_pairs import cut_words
from genai_keras.data.pieces import Pieces, read_pieces, repeats_itself
from genai_keras.data.reading import LEFT_OUT, normalize
from genai_keras.data.text import load_text
from genai_keras.data.tokenizers import BytePairTokenizer

# What is joined, left out or replaced only together with what is next to it.
PARTS = [
    "\r", "\n", "\r\r\n", " ", "  ", "\t", "\u3000", "\u2028", "\x85", "\u00a0", "\u2000",
    "e", "\u0301", "\u0300", "\u1100", "\u1161", "가", "漢字", "\U0001f44d", "word", "12", "_",
    "?!", "\ufeff", "\x1b", "\ufffd",
]  # fmt: skip
PLACES = "tinyshakespeare.txt", "cmn-eng.tsv"


def strange(seed, length=400):
    return "".join(random.Random(seed).choices(PARTS, k=length))


@pytest.fixture(params=[7, 64])
def small(request, monkeypatch):
    """Pieces of a few characters."""
    monkeypatch.setattr(pieces, "PIECE", request.param)
    monkeypatch.setattr(pieces, "BEGINNING", 50)


@pytest.fixture
def own(tmp_path):
    def write(content):
        path = tmp_path / "own.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("seed", range(30))
def test_joined_they_are_what_is_normalized_at_once(small, own, seed):
    raw = strange(seed)
    reading, found = read_pieces("text", own(raw), "text file")
    whole = normalize(raw)
    assert found.ends and "".join(found) == whole and len(found) == len(whole)
    assert sum(reading.left_out.values()) == len(LEFT_OUT.findall(raw))
    assert (reading.raw, reading.lost) == (raw[:50], raw.count("\ufffd"))
    assert [word for piece in found for word in cut_words(piece)] == cut_words(whole)
    again = Pieces.of(whole)
    assert [word for piece in again for word in cut_words(piece)] == cut_words(whole)
    for start, stop in ((0, 9), (5, 300), (31, 31), (200, None), (None, None), (-3, None)):
        assert "".join(found[start:stop]) == "".join(again[start:stop]) == whole[start:stop]
        assert "".join(found[10:300][start:stop]) == whole[10:300][start:stop]


def test_there_are_many_and_only_one_is_read(own, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 64)
    _, found = read_pieces("text", own("some words\n" * 500), "text file")
    assert len(found.ends) > 50 and max(map(len, found)) <= 2 * 64
    read = []
    part = pieces.replace(found, read=lambda number: read.append(number) or found.read(number))
    assert "".join(part[300:310]) == ("some words\n" * 500)[300:310]
    assert len(read) <= 2


def at_once(raw, kind, limit=None):
    """Tokens and hash of a text, as they were before there were pieces."""
    whole = normalize(raw)[:limit]
    border = len(whole) * 9 // 10
    if kind == "bpe":
        tokenizer = BytePairTokenizer.learn(whole[:border], 300)
        tokens = [tokenizer.encode(part) for part in (whole[:border], whole[border:])]
    else:
        known = {each: n for n, each in enumerate(sorted(set(whole[:border])), 1)}
        tokens = [
            [known.get(each, 0) for each in part] for part in (whole[:border], whole[border:])
        ]
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    return tokens, digest, len(tokens[1]) / (len(whole) - border)


def tokens_of(batches, size):
    """All tokens, from windows of `size` that begin at each token or lie side by side."""
    found = np.concatenate(list(batches.in_order().as_numpy_iterator()))
    assert found.dtype == np.int32
    return found


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize("name", PLACES)
def test_real_texts_have_the_same_tokens(data_dir, name, kind, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 10_000)
    limit = 100_000
    raw = (data_dir / name).read_text(encoding="utf-8")
    (train, validation), digest, ratio = at_once(raw, kind, limit)
    found = load_text("text", data_dir / name, 4, 1024, limit=limit, tokenizer=kind,
                      vocabulary_size=300)  # fmt: skip
    windows = tokens_of(found.train, 5)
    assert np.array_equal(windows[:, 0], train[: len(windows)])
    assert np.array_equal(windows[-1], train[-5:])
    windows = tokens_of(found.validation, 5)
    assert np.array_equal(windows[:, 1:].ravel(), validation[1 : 1 + 4 * len(windows)])
    assert (found.fingerprint, found.tokens_per_character) == (digest, ratio)


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_all_that_is_told_is_the_same(small, own, kind, encoding, monkeypatch):
    raw = strange(1, 3000)
    path = own(raw.encode(encoding))
    options = {"context_length": 3, "tokenizer": kind, "vocabulary_size": 300}
    found = load_text("text", path, **options)
    monkeypatch.setattr(pieces, "PIECE", 1 << 20)
    monkeypatch.setattr(pieces, "BEGINNING", 1 << 20)
    whole = load_text("text", path, **options)
    assert found.summary == whole.summary and found.fingerprint == whole.fingerprint
    assert found.tokenizer.to_json() == whole.tokenizer.to_json()
    for part in ("train", "validation"):
        assert np.array_equal(*(tokens_of(getattr(each, part), 4) for each in (found, whole)))


NUMBERS = " ".join(map(str, range(3_000)))  # no two places look alike


@pytest.mark.parametrize(
    ("whole", "repeats"),
    [
        (NUMBERS, False),
        (NUMBERS + NUMBERS[3_000:5_000], True),
        (NUMBERS + NUMBERS[3_000:4_000] + NUMBERS[::-1][:1_000], False),
        ("x" + "\nthe same line" * 9 + "\n" + NUMBERS[:100], True),
        ("x" + "\nthe same line" * 4 + "\n" + NUMBERS[:100], False),
        ("x" + "\nthe same line" * 9 + "\nthe same lane\n" + NUMBERS[:100], False),
        (f"the same line {'of words' * 9}\n" * 9, True),
        ("x\n\n\n\n\n\n\n" + NUMBERS[:100], True),
    ],
    ids=range(8),
)
def test_a_text_that_repeats_itself(small, whole, repeats):
    border = len(whole) - (2_000 if len(whole) > 9_000 else 99)
    text = Pieces.of(whole)
    assert repeats_itself(text[:border], text[border:]) == repeats


def test_what_is_not_plain_is_read_at_once(small, own):
    """With the messages that it always had."""
    load = lambda content: refused(lambda: read_pieces("text", own(content), "text file"))  # noqa: E731
    long = b"some words\n" * 50
    assert "(see byte 553)" in load(long + b"abc\xff" + long)
    assert "has a NUL (see byte 550)" in load(long + b"\0" + long)
    assert "(see byte 550)" in load(long + b"\x1b$B" + long)
    assert "(see byte 550)" in load(long + b"\xe6\xbc")
    assert "is empty" in load(b"\xef\xbb\xbf\x1b")
    assert "gzip" in load(b"\x1f\x8b" + long)
    _, found = read_pieces("text", own("漢字".encode("gb18030") * 30), "text file", "gb18030")
    assert "".join(found) == "漢字" * 30


def test_a_text_that_changes_meanwhile_is_an_error(small, own):
    path = own("some words\n" * 50)
    _, found = read_pieces("text", path, "text file")
    os.truncate(path, 200)
    refused(lambda: list(found), path, "has changed while it was read")
    path.unlink()
    refused(lambda: list(found), path, "cannot read")


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_memory_is_that_of_the_tokens(own, kind, monkeypatch):
    """A string, or a list of tokens, would take several times as much."""
    monkeypatch.setattr(pieces, "PIECE", 1 << 14)
    path = own("".join(f"line {n % 1000} of many\n" for n in range(60_000)))
    tracemalloc.start()
    found = load_text("text", path, tokenizer=kind, vocabulary_size=300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    of_a_token = 1 if kind == "char" else 2  # byte
    assert path.stat().st_size > 1_000_000
    assert peak < 2.5 * of_a_token * found.train.count + 1.5e6
