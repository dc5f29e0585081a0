"""What a text is, whoever wrote it on whatever system: one rule for files and prompts."""

import unicodedata

import numpy as np
import pytest

from genai_keras.data.reading import (
    normalize,
    normalize_sentence,
    read_own,
    rows_of,
    warn_of_unknown,
)
from genai_keras.data.tokenizers import BytePairTokenizer, CharacterTokenizer
from genai_keras.errors import UserError

# All that Unicode's LineBreak.txt has in the classes BK, CR, LF and NL.
LINE_ENDS = ["\n", "\r\n", "\r", "\r\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"]
ODD = [*LINE_ENDS, "\ufeff", "\0", "\x1b", "\x1a", "\x7f", "\x93", "\u200b", "\xa0", "\u3000", "\t",
       " ", "a", "e", "\u0301", "\u0327", "\u212b", "\uac00", "\u11a8", "\U0001f600", "\ud800",
       "\u2000", "\u0344", "\ufb1d", "字"]  # fmt: skip


@pytest.fixture
def texts():
    """Texts of odd characters, always the same."""
    random = np.random.default_rng(0)
    return ["".join(random.choice(ODD, random.integers(0, 12))) for _ in range(2_000)]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_every_line_end_is_one(end):
    assert normalize(f"one{end}two{end}") == "one\ntwo\n"
    assert normalize(f"one{end}{end}two") == "one\n\ntwo"


def test_python_knows_no_line_end_that_is_missing(texts):
    """But for the separators of ASCII, which are control characters."""
    for text in texts:
        assert len(normalize(text + "x").splitlines()) == normalize(text + "x").count("\n") + 1


@pytest.mark.parametrize("place", [0, 3, 7])
@pytest.mark.parametrize("mark", ["\ufeff", "\0", "\x1b", "\x1a", "\x08", "\x7f", "\x93", "\x1f"])
def test_marks_and_control_characters_are_left_out_anywhere(mark, place):
    text = "one\ntwo"
    assert normalize(text[:place] + mark + text[place:]) == text


def test_white_space_of_a_text_stays():
    text = "\tx\xa0 y\u3000\u200b\n    z  "
    assert normalize(text) == text


@pytest.mark.parametrize("word", ["é", "ç", "Å", "한국", "ﬁ", "ự", "Ǻ", "が"])
def test_a_text_is_the_same_in_every_form(word):
    assert normalize(unicodedata.normalize("NFD", word)) == normalize(word)
    assert unicodedata.is_normalized("NFC", normalize(word))


def test_to_read_again_changes_nothing(texts):
    for text in texts:
        once = normalize(text)
        assert normalize(once) == once and "\r" not in once
        sentence = normalize_sentence(text)
        assert normalize_sentence(sentence) == normalize(sentence) == sentence
        assert sentence == normalize_sentence(once) == sentence.strip()
        assert not any(each.isspace() and each != " " for each in sentence) and "  " not in sentence


@pytest.mark.parametrize("space", ["\t", "\xa0", "\u202f", "\u3000", "\u2009", " \n ", "\u2028"])
def test_white_space_in_a_sentence_is_a_space(space):
    assert normalize_sentence(f"{space}Ça{space}va ?{space}") == "Ça va ?"


def test_rows_end_where_tables_are_written():
    for end in ("\n", "\r\n", "\r", "\r\r\n"):
        assert rows_of(f"a\u2028b\tc{end}d\x85e{end}") == ["a\u2028b\tc", "d\x85e", ""]
    for end in ("\x85", "\u2028"):  # as mainframes and some programs for the web write them
        assert rows_of(f"a\tb{end}c\td") == ["a\tb", "c\td"]
    assert rows_of("") == [""]


def test_what_is_left_out_is_counted(tmp_path):
    path = tmp_path / "joined.txt"
    path.write_bytes("\ufeffone\x1b[31m\n".encode() * 3)
    reading = read_own("text", path, "text file")
    assert reading.left_out == {"\ufeff": 3, "\x1b": 3} and reading.encoding == "utf-8"
    assert normalize(reading.raw) == "one[31m\n" * 3
    for nothing in (b"", b"\xef\xbb\xbf" * 2, b"\xff\xfe", b"\x1a"):
        path.write_bytes(nothing)
        with pytest.raises(UserError, match=r"joined\.txt is empty$"):
            read_own("text", path, "text file")


def test_unknown_characters_are_named_but_not_all_of_them(capsys):
    tokenizer = CharacterTokenizer.learn("abc")
    warn_of_unknown(["abc", "cab", "\n"], tokenizer)
    warn_of_unknown(["我"], BytePairTokenizer([]))
    assert capsys.readouterr().err == ""
    warn_of_unknown(["a\tb", "c\xa0d"], tokenizer)
    said = capsys.readouterr().err
    assert r"does not contain '\t', 'd', '\xa0', so" in said and said.count("\n") == 1
    warn_of_unknown(["".join(map(chr, range(0x4E00, 0x4E20)))], tokenizer)
    assert "and 24 more, so" in capsys.readouterr().err
