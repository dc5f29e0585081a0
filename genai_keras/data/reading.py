"""A user's own file, or a prompt, as text: one rule for both, so that a model reads them alike."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from genai_keras.data.decoding import decode
from genai_keras.errors import UsageError, UserError, listed, warn

# What has no place in a text: byte-order marks, wherever files were joined, and control characters.
LEFT_OUT = re.compile("[\ufeff\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
# All that must end a line by Unicode's rules (UAX 14). In "\r\r\n" a "\n" was translated twice.
OTHER_ENDS = "\r\v\f\x85\u2028\u2029"
LINE_ENDS = re.compile("\r+\n|[\r\v\f\x85\u2028\u2029]")
ROW_ENDS = re.compile("\r+\n|\r")


@dataclass(frozen=True)
class Reading:
    """What is in a user's own file.

    Args:
        path: of the file.
        raw: its text as it was decoded.
        encoding: the encoding found, or named by the user.
        left_out: how often each character was found that is left out of a text.
        lost: how often U+FFFD was found, if `raw` is only the beginning of the text.
    """

    path: Path
    raw: str
    encoding: str
    left_out: Counter = field(default_factory=Counter)
    lost: int | None = None


def read_own(dataset, path, content, encoding=None):
    """Reads a user's own file, as a `Reading`.

    Args:
        dataset: the name of the data set, for messages.
        path: the value of `data_dir`, or None.
        content: the expected kind of file, for messages.
        encoding: name of its encoding, or None; see `decode`.

    Raises:
        UserError: the file does not exist, is empty, or is not text.
        UsageError: no file is given, or there is no such encoding.
    """
    path = check_own(dataset, path, content)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    raw, encoding = decode(data, path, encoding)
    left_out = Counter(LEFT_OUT.findall(raw))
    if left_out.total() == len(raw):
        raise UserError(f"{path} is empty")
    return Reading(path, raw, encoding, left_out)


def check_own(dataset, path, content):
    """The path of a user's own file, which must not be a folder or a device; see `read_own`."""
    try:
        needed = f"`dataset={dataset}` needs `data_dir` to name your {content}"
        if path is None:
            raise UsageError(needed)
        if Path(path).is_dir():
            raise UserError(f"{needed}, not the folder {path}")
        if Path(path).exists() and not Path(path).is_file():  # a pipe or a device may never end
            raise UserError(f"{path} is not an ordinary file: copy its content to one")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    return Path(path)


def normalize(text):
    """A text as every model reads it, from a file or a prompt.

    Byte-order marks and control characters are left out, every line end becomes "\\n", and letters
    with accents become single characters (Unicode's form NFC). Tabs and all kinds of spaces stay.
    To normalize it again changes nothing.
    """
    text = LEFT_OUT.sub("", text)
    if any(each in text for each in OTHER_ENDS):  # the search takes a hundredth of the time
        text = LINE_ENDS.sub("\n", text)
    return unicodedata.normalize("NFC", text)


def normalize_sentence(text):
    """`normalize`, and every run of white space of any kind becomes one space; none at the ends."""
    return " ".join(normalize(text).split())


def rows_of(text):
    """The lines of a table, or of a prompt with several sentences.

    A sentence may contain a rare line end, such as U+2028, so these count only if there are no
    others.
    """
    text = ROW_ENDS.sub("\n", LEFT_OUT.sub("", text))
    return (text if "\n" in text else LINE_ENDS.sub("\n", text)).split("\n")


def warn_of_unknown(texts, tokenizer):
    """Warns of characters in prompts that the training part does not contain."""
    unknown = tokenizer.unknown_in("".join(texts))
    if unknown and unknown != ["\n"]:
        shown = listed([*map(repr, unknown)])
        warn(
            f"the text does not contain {shown}, so the model reads it in the prompt as an "
            "unknown character"
        )
