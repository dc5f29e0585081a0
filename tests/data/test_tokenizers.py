"""Tokenizers against a byte-pair encoding written out plainly, and there and back again."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from genai_keras.data.byte_pairs import cut_words
from genai_keras.data.tokenizers import (
    BytePairTokenizer,
    CharacterTokenizer,
    learn_tokenizer,
    load_tokenizer,
)
from genai_keras.errors import UserError

SPECIALS = ("<padding>", "<end>")
STRANGE = "naïve  café\r\n\t x_1 = 'don't' — 我们, 日本語。 👩‍👩‍👧 \x00\ufeff\u0301 ٣٤ हिन्दी \n\n  "
ENGLISH = (
    "she sells sea shells by the sea shore; the shells she sells are sea shells, I am sure. "
    "aaaa aaaaa banana bananas 1000 10000\n\n    indented\n    again 我们 我们的 我"
) * 3 + " quixotry"


def plain_merge(words, pair, merged):
    """Each word with a pair made one, left to right, by searching from the start each time."""
    result = []
    for word in words:
        word, position = list(word), 0
        while position < len(word) - 1:
            if (word[position], word[position + 1]) == pair:
                word[position : position + 2] = [merged]
            position += 1
        result.append(word)
    return result


def plain_byte_pairs(text, merges):
    """Counts all pairs of all words anew before each merge."""
    words = [list(word.encode()) for word in cut_words(text)]
    learnt = []
    while len(learnt) < merges:
        counts = Counter(pair for word in words for pair in pairwise(word))
        pair, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
        if count < 2:
            break
        words = plain_merge(words, pair, 256 + len(learnt))
        learnt.append(pair)
    return learnt, [token for word in words for token in word]


@pytest.mark.parametrize("merges", [0, 1, 30, 1000])
def test_byte_pairs_are_those_of_counting_anew(merges):
    expected, tokens = plain_byte_pairs(ENGLISH, merges)
    tokenizer = BytePairTokenizer.learn(ENGLISH, 258 + merges, SPECIALS)
    assert tokenizer.merges == expected
    assert tokenizer.vocabulary_size == 258 + len(expected)
    assert np.array_equal(tokenizer.encode(ENGLISH), np.add(tokens, 2))
    if merges == 1000:
        assert 30 < len(expected) < 1000  # it ended as nothing occurred twice


@pytest.mark.slow
def test_byte_pairs_of_shakespeare_are_those_of_counting_anew(data_dir):
    text = (data_dir / "tinyshakespeare.txt").read_text(encoding="utf-8")[:20_000]
    expected, tokens = plain_byte_pairs(text, 60)
    tokenizer = BytePairTokenizer.learn(text, 316)
    assert tokenizer.merges == expected and tokenizer.encode(text).tolist() == tokens


def test_merges_that_can_be_worked_out_by_hand():
    """abab abab abab: ab thrice twice, then abab; " " joins it, as " abab" comes twice."""
    tokenizer = BytePairTokenizer.learn("abab abab abab", 1000)
    a, b, space = (ord(each) for each in "ab ")
    assert tokenizer.merges == [(a, b), (256, 256), (space, 257)]
    assert tokenizer.encode("abab abab").tolist() == [257, 258]
    assert [tokenizer.name(token) for token in (256, 257, 258)] == ["ab", "abab", "␣abab"]


def test_words_keep_the_space_before_them_and_leave_signs_apart():
    assert cut_words("\n    if x1: go_on(22, 3)  # don't\n") == [
        "\n   ", " if", " x", "1", ":", " go", "_", "on", "(", "22", ",", " 3", ")", " ",
        " #", " don", "'", "t", "\n",
    ]  # fmt: skip
    for text in (STRANGE, ENGLISH, "a" * 1000, " " * 1000):
        words = cut_words(text)
        assert "".join(words) == text and max(map(len, words)) <= 33


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize("specials", [(), SPECIALS])
def test_text_comes_back_exactly(kind, specials):
    tokenizer = learn_tokenizer(kind, STRANGE + ENGLISH, 300, specials)
    for text in (STRANGE, ENGLISH, "", "我", " ", "\n\n"):
        tokens = tokenizer.encode(text)
        assert tokens.dtype == np.int32 and tokens.ndim == 1
        assert np.all(tokens >= len(specials)) and np.all(tokens < tokenizer.vocabulary_size)
        assert tokenizer.decode(tokens) == tokenizer.decode(tokens.tolist()) == text


def test_byte_pairs_read_what_they_never_saw():
    tokenizer = BytePairTokenizer.learn("nothing but English", 300)
    assert tokenizer.decode(tokenizer.encode(STRANGE)) == STRANGE
    assert tokenizer.unknown_in(STRANGE) == []
    assert tokenizer.decode(tokenizer.encode("我")[:2]) == "\ufffd"  # half a character
    assert tokenizer.decode(tokenizer.encode("\udc80")) == "\ufffd" * 3  # no character at all


def test_characters_in_sorted_order_after_an_unknown_one():
    tokenizer = CharacterTokenizer.learn("hello", SPECIALS)
    assert tokenizer.vocabulary_size == 2 + 1 + 4
    assert tokenizer.encode("hole").tolist() == [4, 6, 5, 3]
    assert tokenizer.encode("help!").tolist() == [4, 3, 5, 2, 2]
    assert tokenizer.decode(tokenizer.encode("help!")) == "hel\ufffd\ufffd"
    assert tokenizer.unknown_in("shell! please!") == [" ", "!", "a", "p", "s"]


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_special_tokens_are_not_text(kind):
    tokenizer = learn_tokenizer(kind, "the <end>", 300, SPECIALS)
    assert tokenizer.decode([0, *tokenizer.encode("the"), 1, 0, 0]) == "the"
    assert 1 not in tokenizer.encode("<end>")


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_every_token_has_a_printable_name_of_its_own(kind):
    tokenizer = learn_tokenizer(kind, STRANGE, 300, SPECIALS)
    names = [tokenizer.name(token) for token in range(tokenizer.vocabulary_size)]
    assert names[:2] == ["<padding>", "<end>"]
    assert all(name.isprintable() and name.strip() for name in names)
    assert len(set(names)) == len(names)
    assert {"␣", "⏎", "⇥", r"\x00"} <= set(names)
    assert tokenizer.name(tokenizer.encode("我")[0]) == ("我" if kind == "char" else r"\xe6")


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_a_tokenizer_comes_back_from_its_file(kind, tmp_path):
    tokenizer = learn_tokenizer(kind, STRANGE, 300, SPECIALS)
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer.to_json(), encoding="utf-8")
    again = load_tokenizer(path)
    assert again.to_json() == tokenizer.to_json() and again.specials == SPECIALS
    text = STRANGE + " and more"
    assert np.array_equal(again.encode(text), tokenizer.encode(text))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2]",
        "{}",
        '{"kind": "words", "specials": []}',
        '{"kind": "char", "specials": []}',
        '{"kind": "bpe", "specials": [], "merges": [[1, 2], [258, 3]]}',
        '{"kind": "bpe", "specials": [], "merges": [[1]]}',
        '{"kind": "bpe", "specials": [], "merges": 5}',
        '{"kind": "char", "specials": null, "characters": "ab"}',
    ],
)
def test_a_damaged_file_is_named_in_one_line(content, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"tokenizer\.json is not a tokenizer") as error:
        load_tokenizer(path)
    assert "\n" not in str(error.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"tokenizer\.json is not a tokenizer"):
        load_tokenizer(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read the tokenizer .*t\.json: No such file"):
        load_tokenizer(tmp_path / "t.json")


def test_a_vocabulary_without_room_for_the_bytes():
    assert BytePairTokenizer.learn("abab", 258, SPECIALS).vocabulary_size == 258
    with pytest.raises(UserError, match="257 is too small for bpe: it needs at least 258"):
        learn_tokenizer("bpe", "abab", 257, SPECIALS)
    with pytest.raises(UserError, match="no tokenizer words: use char or bpe"):
        learn_tokenizer("words", "abab", 300)


def test_a_file_is_plain_json():
    facts = json.loads(CharacterTokenizer("ba", ("<end>",)).to_json())
    assert facts == {"kind": "char", "specials": ["<end>"], "characters": "ab"}
