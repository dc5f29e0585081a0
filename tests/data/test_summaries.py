# ruff: noqa: RUF001
"""What is said of a user's data: the figures are true, and a warning comes only when it is due."""

from collections import Counter
from pathlib import Path

import pytest

from genai_keras.data.pieces import Pieces
from genai_keras.data.reading import Reading
from genai_keras.data.summaries import (
    PairsSummary,
    TextSummary,
    describe,
    unusual_in,
    warnings_about_pairs,
    warnings_about_text,
)

NUMBERS = " ".join(map(str, range(3_000)))  # no two places look alike
HALF = len(NUMBERS) // 2


def about_text(text, border=None, left_out=()):
    border = len(text) * 9 // 10 if border is None else border
    own = Reading(Path("x"), text, "utf-8", Counter(left_out))
    pieces = Pieces.of(text)
    return list(warnings_about_text(own, pieces[:border], pieces[border:]))


def about_pairs(train, validation):
    raw = "".join(text for pair in train + validation for text in pair)
    return list(warnings_about_pairs(Reading(Path("x"), raw, "utf-8"), train, validation))


GOOD = {
    "english": "“Don’t,” she said – it’s naïve, a café…\n",
    "german": "»Äpfel« sind größer; ÄÖÜ und É»x« É« öäüß ÃÂ\n",
    "french": "« Où est l’été ? » À BIENTÔT, ÇA VA, ÉTÉ\n",
    "russian": "Все счастливые семьи похожи друг на друга. РЎ и СЋ\n",
    "chinese": "床前明月光，疑是地上霜。一 二 三 亩 臥\n",
    # Signs that are valid UTF-8 in the encoding GBK.
    "signs": " ".join(bytes([0xC4 + n, 0xA1 + n]).decode("gbk") for n in range(20)) + "\n",
    "poem": "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n",
    "japanese": "吾輩は猫である。名前はまだ無い。\n",
    "greek": "Όλοι οι άνθρωποι\n",
    "persian": "می‌خواهم\n",
    "emoji": "👩‍👩‍👧 ☕ ½ °C\n",
}


@pytest.mark.parametrize("language", GOOD)
def test_good_text_has_no_warnings(language):
    text = "".join(GOOD[language] + f"{n}\n" for n in range(300))
    assert about_text(text) == []


@pytest.mark.parametrize(
    ("language", "misread_as"),
    [
        ("english", "cp1252"), ("german", "latin-1"), ("french", "latin-1"), ("english", "latin-1"),
        ("french", "mac_roman"), ("german", "mac_roman"), ("russian", "latin-1"),
        ("russian", "cp1251"), ("poem", "gb18030"), ("greek", "latin-1"),
        ("japanese", "latin-1"),
    ],
)  # fmt: skip
def test_text_that_was_misread_once_is_seen(language, misread_as):
    text = "".join(GOOD[language] + f"{n}\n" for n in range(300))
    # What the other encoding does not know was lost.
    broken = text.encode().decode(misread_as, "ignore")
    assert broken != text
    (warning,) = [each for each in about_text(broken) if "UTF-8" in each]
    right = warning.split('perhaps it was "')[1].rstrip('"')
    assert set(right) <= set(text)


def test_of_misread_text_the_message_shows_a_piece_that_can_be_printed():
    """480 characters without ASCII; some of their bytes are control characters in latin-1."""
    for misread_as in ("latin-1", "gb18030"):
        broken = ("床前明月光，疑是地上霜。" * 40 + "\n").encode().decode(misread_as, "ignore")
        (warning,) = [each for each in about_text(broken * 9) if "UTF-8" in each]
        assert warning.isprintable() and len(warning) < 250 and '"床前明月光' in warning


def test_a_few_broken_words_in_a_good_text_are_its_own():
    text = "".join(GOOD["german"] + f"{n}\n" for n in range(300))
    assert about_text(text + "Ã¤ Ã¶ Ã¼") == []
    assert about_text("plain " * 3 + NUMBERS + " Ã¤ Ã¶ Ã¼") != []


def test_lost_and_left_out_characters_are_counted():
    (lost,) = about_text(NUMBERS + "\ufffd" * 3)
    assert "U+FFFD occurs 3 times" in lost
    (left_out,) = about_text(NUMBERS, left_out={"\x1b": 2, "\ufeff": 9, "\x93": 1})
    assert left_out == "control characters are left out: U+001B 2 times, U+0093 once"
    assert about_text(NUMBERS, left_out={"\ufeff": 9}) == []


@pytest.mark.parametrize(
    "text",
    ["a line\n" * 9, "ab" * 9000, NUMBERS * 2, (NUMBERS[:700] + "\n") * 30, "\n" * 900],
    ids=["line", "letters", "twice", "chapter", "nothing"],
)
def test_a_text_that_repeats_itself_has_no_validation(text):
    (warning,) = about_text(text)
    assert "repeats itself" in warning


def test_a_text_that_repeats_little_is_no_such():
    line = "A line that is often here, because it is the heading of a page.\n"
    assert about_text("".join(line + NUMBERS[n * 9 : n * 9 + 40] for n in range(300))) == []
    assert about_text("a line\n" * 2 + NUMBERS) == []
    assert about_text("The cat sat on the mat,\nand that was that.\n" * 20) == []  # too little


@pytest.mark.parametrize("start", ["<!DOCTYPE html>", "\n <html lang=de>", "<HTML>"])
def test_a_web_page_is_seen(start):
    (warning,) = about_text(start + NUMBERS)
    assert "web page" in warning
    assert about_text("<htm" + NUMBERS) == about_text(f"x {start}" + NUMBERS) == []


TRAIN = [(f"I have {n} cats.", f"J'ai {n} chats.") for n in range(40)]
VALIDATION = [(f"I have {n} dogs.", f"J'ai {n} chiens.") for n in range(5)]


def test_good_pairs_have_no_warnings():
    assert about_pairs(TRAIN, VALIDATION) == []
    sums = [(f"{n}-{m}", str(n - m)) for n in range(9) for m in range(9)]
    assert len(about_pairs(sums[9:], sums[:9])) == 1  # that the targets are numbers
    signed = [("-3", "drei"), ("3", "drei")] * 9
    assert not any("validation" in each for each in about_pairs(signed[:1], signed[1:2]))


@pytest.mark.parametrize("number", ["1050", "-3", "3.14", "1,000", "+7", "٣"])
def test_numbers_for_sentences_are_seen(number):
    sources = about_pairs([(number, "a"), ("2", "b")], [("3", "c")])
    assert sources[0].startswith(f'all sources are numbers, such as "{number}"')
    targets = about_pairs([("a", number), ("b", "2")], [("c", "3")])
    assert targets[0].startswith(f'all targets are numbers, such as "{number}"')
    assert about_pairs([(number, "a"), ("two", "b")], [("3", "c")]) == []
    assert about_pairs([(f"{number} cats", "a"), ("2", "b")], [("3", "c")]) == []


@pytest.mark.parametrize(("count", "is_said"), [(45, True), (36, True), (35, False), (1, False)])
def test_one_target_over_and_over(count, is_said):
    pairs = [(f"I see {n}", "x" if n < count else f"y{n}") for n in range(45)]
    said = about_pairs(pairs[5:], pairs[:5])
    assert said == ([f'{count} of 45 targets are "x"'] if is_said else [])


@pytest.mark.parametrize(
    "other",
    ["i have 7 cats", "I HAVE 7 CATS!", "¿I have 7 cats?", "“I have 7 cats…”", "Ｉ have 7 cats"],
)
def test_sources_that_are_nearly_in_both_parts(other):
    (warning,) = about_pairs(TRAIN, [*VALIDATION, (other, "x")])
    assert warning.startswith("1 of 6 validation sources are also in the training part")
    assert "I have 7 cats." in warning
    # A source with two targets is one source.
    assert about_pairs(TRAIN, [(other, "x"), (other, "y"), *VALIDATION])[0].startswith("1 of 6")


def test_few_that_are_nearly_alike_are_let_pass():
    validation = [(f"you see {n}", "x") for n in range(19)]
    assert about_pairs(TRAIN, [*validation, ("i have 7 cats", "x")]) == []
    assert about_pairs(TRAIN, [*validation[1:], ("i have 7 cats", "x")]) != []


def test_unusual_characters_are_counted():
    text = "a\xa0b\u200b\u200b c\u3000字\té\n\ufffd\ue000"
    assert unusual_in(text) == {"\xa0": 1, "\u200b": 2, "\ufffd": 1, "\ue000": 1}
    assert unusual_in("The quick\tbrown fox\n漢字　カナ Ёлка 👍") == {}
    many = "".join(map(chr, range(0xE000, 0xE100))) * 2
    assert unusual_in(many) == Counter(many)


def test_a_line_of_characters_is_short():
    assert describe({"\xa0": 1, "\u200b": 1234}) == "U+200B 1,234 times, U+00A0 once"
    assert describe({chr(0xE000 + n): 1 for n in range(99)}).endswith(", 93 others")


def test_summaries_are_a_few_short_lines():
    text = TextSummary(
        "my_book.txt", "utf-16", 1234567, 8910, 99, 1111110, {"\ufeff": 2}, {"\xa0": 7}
    )
    assert text.lines() == [
        "my_book.txt (utf-16): 1,234,567 characters in 8,910 lines, 99 tokens",
        "training: the first 1,111,110 characters; validation: the last 123,457",
        "left out: U+FEFF 2 times",
        "unusual: U+00A0 7 times",
    ]
    skipped = {"header": 1, "repeated": 0, "longer than 64 tokens": 1234}
    form = "separated by tabs, columns 2 and 4"
    pairs = PairsSummary("p.tsv", "utf-8", form, ("Go.", "Va `x` " * 99), 900, 100, skipped)
    assert pairs.lines() == [
        "p.tsv (utf-8), separated by tabs, columns 2 and 4: 900 pairs for training and 100 for "
        "validation",
        'the first pair: "Go." -> "' + ("Va 'x' " * 9)[:40] + '..."',
        "skipped: 1 header, 1,234 longer than 64 tokens",
    ]
    assert PairsSummary("sort", None, "made by rules", ("21", "12"), 9, 1).lines() == [
        "sort, made by rules: 9 pairs for training and 1 for validation",
        'the first pair: "21" -> "12"',
    ]
