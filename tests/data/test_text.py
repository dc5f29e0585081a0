"""Windows of a text against slices of it; the failures that a user's own file can cause."""

import numpy as np
import pytest

from genai_keras.data.text import load_text
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
        ("grün".encode("latin-1"), {}, r"not in UTF-8 \(see byte 2\).*iconv -f WINDOWS-1252 "),
        ("grün".encode("utf-16"), {}, r"not in UTF-8 \(see byte 0\).*iconv -f UTF-16 "),
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
