"""Windows of a text against slices of it; the failures that a user's own file can cause."""

import gzip
import unicodedata

import numpy as np
import pytest

from genai_keras.data.text import encode_prompt, load_text
from genai_keras.data.tokenizers import CharacterTokenizer
from genai_keras.errors import UserError

# No two places look alike, so a window says where it is from.
NUMBERS = " ".join(map(str, range(1, 700)))


@pytest.fixture
def own(tmp_path):
    """Loads a text or bytes from a file of its own."""

    def load(content, **options):
        path = tmp_path / "own.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_text("text", path, **options)

    return load


def windows(batches):
    return np.concatenate(list(batches.in_order().as_numpy_iterator()))


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_windows_are_slices_of_the_text(own, tokenizer):
    """Training begins at every token; validation lies side by side and predicts each token once."""
    text = own(NUMBERS, context_length=16, batch_size=8, tokenizer=tokenizer, vocabulary_size=270)
    border = int(len(NUMBERS) * 0.9)
    train = text.tokenizer.encode(NUMBERS[:border])
    validation = text.tokenizer.encode(NUMBERS[border:])
    expected = [train[start : start + 17] for start in range(len(train) - 16)]
    assert np.array_equal(windows(text.train), expected)
    seen = windows(text.validation)
    assert seen.dtype == np.int32 and text.train.element_shape == (17,)
    predicted = seen[:, 1:].ravel()
    assert np.array_equal(predicted, validation[1 : 1 + len(predicted)])
    assert np.array_equal(seen[:, 0], validation[: len(predicted) : 16])
    assert len(validation) - 1 - len(predicted) < 16
    assert text.tokens_per_character == len(validation) / len(NUMBERS[border:])
    assert (text.tokens_per_character == 1) == (tokenizer == "char")


def test_the_tokenizer_knows_the_training_part_only(own):
    text = own("ab" * 450 + "xy" * 50, context_length=4)
    assert text.tokenizer.characters == "ab"
    assert set(windows(text.validation).ravel()) == {0}  # unknown


def test_an_ending_that_fills_the_last_window_is_used(own):
    """41 validation characters hold two windows of 20; 40 hold one, as each needs one before it."""
    assert own("a" * 410, context_length=20).validation.count == 2
    assert own("a" * 400, context_length=20).validation.count == 1
    assert own("a" * 410, context_length=40).validation.count == 1


def test_the_seed_changes_the_order_and_not_the_split(own):
    first, again, other = (
        own(NUMBERS, context_length=8, batch_size=4, seed=seed) for seed in (0, 0, 1)
    )
    orders = [next(iter(text.train.shuffled())).numpy() for text in (first, again, other)]
    assert np.array_equal(orders[0], orders[1]) and not np.array_equal(orders[0], orders[2])
    assert np.array_equal(windows(first.validation), windows(other.validation))


def test_limit_takes_the_beginning_and_steps_shorten_the_epoch(own):
    text = own(NUMBERS, context_length=8, batch_size=4, limit=1000, steps_per_epoch=3)
    assert text.tokenizer.decode(windows(text.train)[-1]) == NUMBERS[891:900]
    assert text.train.steps_per_epoch == 3 and text.train.count == 892


def test_the_manual_of_this_python():
    text = load_text("python-docs")
    whole = windows(text.validation)
    assert text.train.count > 300_000
    assert text.tokenizer.unknown_in("for each in range(10):\n    print(each)") == []
    assert "exception" in text.tokenizer.decode(whole[:, 1:]).lower()
    again = load_text("python-docs")
    assert np.array_equal(windows(again.validation), whole)


def test_shakespeare_is_split_as_is_customary(data_dir):
    """1,003,854 and 111,540 characters of 65 kinds, as everyone has them."""
    text = load_text("text", data_dir / "tinyshakespeare.txt", context_length=64)
    assert text.train.count == 1_003_854 - 64
    assert text.validation.count == (111_540 - 1) // 64
    assert len(text.tokenizer.characters) == 65


def test_files_of_windows(own):
    """A mark at the beginning, and lines that end in two characters."""
    text = own(b"\xef\xbb\xbf" + b"one\r\ntwo\r\n" * 100, context_length=5)
    assert text.tokenizer.characters == "\nenotw"
    assert text.tokenizer.decode(windows(text.train)[0]) == "one\ntw"


WORDS = "naïve café Ångström 한국 été"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy. "


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("\n", "\r\r\n").encode(),
        lambda text: text.replace("\n", "\u2028").encode(),
        lambda text: unicodedata.normalize("NFD", text).encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-32-le"),
        lambda text: b"\xef\xbb\xbf".join(text.encode().partition(b"\n")),
        lambda text: text.replace("a", "a\x1b").encode() + b"\x1a",
    ],
    ids=["mac", "twice", "separator", "NFD", "UTF-16", "no mark", "UTF-32", "joined", "control"],
)
def test_a_text_is_the_same_data_however_it_is_written(own, write):
    content = "".join(f"{WORDS} {n}\n" for n in range(40))
    plain, other = (own(each, context_length=5) for each in (content, write(content)))
    assert other.fingerprint == plain.fingerprint
    assert other.tokenizer.characters == plain.tokenizer.characters
    assert np.array_equal(windows(other.train), windows(plain.train))
    assert np.array_equal(windows(other.validation), windows(plain.validation))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("床前明月光，疑是地上霜。", "gb18030"),  # noqa: RUF001
        ("舉頭望明月，低頭思故鄉。", "big5"),  # noqa: RUF001
        ("吾輩は猫である。", "euc_jp"),
        (CZECH, "cp1250"),
        ("Žlutý kůň", "utf-16-le"),
    ],
)
def test_an_encoding_is_read_as_it_is_named(own, content, encoding):
    plain = own(content * 9, context_length=5)
    found = own((content * 9).encode(encoding), context_length=5, encoding=encoding)
    assert found.fingerprint == plain.fingerprint and found.summary.encoding == encoding


def test_a_prompt_is_read_like_the_text(own, capsys):
    text = own(WORDS + " \n" + "x" * 300, context_length=5)
    for prompt in ("café\n", "cafe\u0301\r\n", "\ufeffcafé\r", "ca\x1bfé\u2028"):
        assert text.tokenizer.decode(encode_prompt(prompt, text.tokenizer)) == "café\n"
    assert capsys.readouterr().err == ""
    for space in "\t\xa0\u3000":
        encode_prompt(f"café{space}été", text.tokenizer)
        assert f"does not contain {space!r}, so" in capsys.readouterr().err
    for nothing in ("", "\ufeff", "\x1b"):
        with pytest.raises(UserError, match="`prompt` is empty"):
            encode_prompt(nothing, CharacterTokenizer.learn("a"))


def test_the_summary_tells_what_was_read(own):
    text = own("\ufeffone two\xa0\r\nthree\x1b\n" * 50 + "end", context_length=4)
    summary = text.summary
    assert summary.lines() == [
        "own.txt (utf-8): 753 characters in 101 lines, 11 tokens",
        "training: the first 677 characters; validation: the last 76",
        "left out: U+FEFF 50 times, U+001B 50 times",
        "unusual: U+00A0 50 times",
    ]
    assert summary.warnings == ("control characters are left out: U+001B 50 times",)
    assert summary.vocabulary_size == text.tokenizer.vocabulary_size
    assert summary.train_characters == text.train.count + 4
    assert load_text("python-docs").summary.lines()[0].startswith("python-docs: 4")


def test_white_space_is_a_text(own):
    for tokenizer in ("char", "bpe"):
        assert own(" \n" * 3000, context_length=4, tokenizer=tokenizer).train.count > 0


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", {}, r"own\.txt is empty"),
        (b"\xef\xbb\xbf", {}, r"own\.txt is empty"),
        ("a", {}, "too short: its length is 1,"),
        ("我", {"tokenizer": "bpe"}, "too short: its length is 1,"),
        ("ab", {}, "too short: its length is 2,"),
        ("a" * 1000, {"limit": 5}, "too short: its length is 5,"),
        (NUMBERS, {"context_length": 1000}, "`context_length=1000` is too long .* at most 268"),
        (NUMBERS, {"context_length": 269}, "at most 268"),
        ("grün".encode("latin-1"), {}, r'not in UTF-8 \(see byte 2\).*`encoding=cp1252` "grün"'),
        ("grün".encode("utf-16"), {}, "too short: its length is 4,"),
        ("grün".encode(), {"encoding": "utf-16"}, r"own\.txt is not in utf-16"),
        (NUMBERS, {"encoding": "utf-99"}, "`encoding=utf-99`: there is no such encoding"),
        (gzip.compress(NUMBERS.encode()), {}, r"own\.txt is a gzip file, not text: unpack it"),
        (NUMBERS, {"tokenizer": "bpe", "vocabulary_size": 10}, "at least 256"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(own, content, options, message):
    with pytest.raises(UserError, match=message) as error:
        own(content, **options)
    assert "\n" not in str(error.value)


def test_the_longest_context_works(own):
    assert own(NUMBERS, context_length=268).validation.count == 1


def test_a_file_has_to_be_named_and_to_be_there(tmp_path):
    with pytest.raises(UserError, match=r"text` needs `data_dir` to name your text file$"):
        load_text("text")
    with pytest.raises(UserError, match="needs `data_dir` to name your text file, not the folder"):
        load_text("text", tmp_path)
    with pytest.raises(UserError, match=r"cannot read .*none\.txt: No such file"):
        load_text("text", str(tmp_path / "none.txt"))
