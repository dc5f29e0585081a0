"""A text of any length, of which one piece at a time is in memory."""

import codecs
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from genai_keras.data.decoding import KINDS, MARKS
from genai_keras.data.reading import LEFT_OUT, Reading, check_own, normalize, read_own
from genai_keras.data.stored import stamp_of
from genai_keras.errors import UserError, one_line

PIECE = 1 << 20  # characters or bytes of a piece
HEAD = 1 << 12  # bytes that tell what kind of file it is
SAMPLES, SAMPLE = 20, 60  # of the validation text, and characters of each
BEGINNING = 200_000  # characters that are kept as they were decoded


@dataclass(frozen=True)
class Pieces:
    """A normalized text in pieces, in order; a slice is one, too. Joined, they are the text.

    A piece ends before a space or a line end that follows a visible character. There no word of
    `cut_words` goes on, and nothing that `normalize` would change.

    Args:
        read: a function that returns a piece by its number.
        ends: where each piece ends in the text, in characters.
        start, stop: the part of the text that is meant.
    """

    read: Callable[[int], str]
    ends: list[int]
    start: int
    stop: int

    @classmethod
    def of(cls, text):
        """The pieces of a text that is in memory."""
        ends = [0]
        while ends[-1] < len(text):
            size = PIECE
            while not (cut := last_cut(text[ends[-1] : ends[-1] + size])) and (
                ends[-1] + size < len(text)
            ):
                size *= 2
            ends.append(ends[-1] + cut if ends[-1] + size < len(text) else len(text))
        return cls(lambda number: text[ends[number] : ends[number + 1]], ends[1:], 0, len(text))

    def __len__(self):
        return self.stop - self.start

    def __getitem__(self, part):
        start, stop, _ = part.indices(len(self))
        return replace(self, start=self.start + start, stop=self.start + max(start, stop))

    def __iter__(self):
        begins = itertools.chain([0], self.ends)
        for number, (begin, end) in enumerate(zip(begins, self.ends, strict=False)):
            if begin < self.stop and self.start < end:
                piece = self.read(number)
                yield piece[max(0, self.start - begin) : self.stop - begin]


def last_cut(text):
    """The last place at which a piece may end, or 0; see `Pieces`."""
    place = len(text)
    while place > 0:
        place = max(text.rfind(" ", 0, place), text.rfind("\n", 0, place))
        before = text[place - 1 : place] if place > 0 else " "
        if not before.isspace() and not LEFT_OUT.match(before):
            return place
    return 0


def read_pieces(dataset, path, content, encoding=None):
    """Reads a user's own text, as `read_own` does, but in pieces.

    In UTF-8, each piece is read from the file whenever it is needed. In other encodings, the whole
    text is in memory.

    Returns:
        The `Reading`, of which `raw` may be only the beginning, and the `Pieces`.
    """
    path = check_own(dataset, path, content)
    found = _read_plain(path) if encoding is None else None
    if found is None:
        own = read_own(dataset, path, content, encoding)
        found = own, Pieces.of(normalize(own.raw))
    return found


def _read_plain(path):
    """What `read_pieces` returns of a file in UTF-8; None if it is anything else, or empty."""
    left_out, lost, beginning, places, ends = Counter(), 0, "", [0], []
    try:
        with open(path, "rb") as file:
            stamp, head = stamp_of(file), file.read(HEAD)
            if any(pattern.match(head) for pattern, *_ in KINDS) or head.startswith(
                tuple(mark for mark, _ in MARKS)
            ):
                return None
            file.seek(0)
            data, is_last = b"", False
            while not is_last:
                block = file.read(max(PIECE, len(data)))  # more each time, if there is no cut
                data, is_last = data + block, not block
                text, used = codecs.utf_8_decode(data, "strict", is_last)
                cut = len(text) if is_last else last_cut(text)
                used -= len(text[cut:].encode())
                text, data = text[:cut], data[used:]
                if "\0" in text or "\x1b$" in text:  # not UTF-8, though it looks so
                    return None
                if text:
                    left_out.update(LEFT_OUT.findall(text))
                    lost += text.count("\ufffd")
                    beginning += text[: BEGINNING - len(beginning)]
                    places.append(places[-1] + used)
                    ends.append((ends or [0])[-1] + len(normalize(text)))
    except (OSError, UnicodeDecodeError):  # `read_own` says what is wrong
        return None

    def read(number):
        try:
            with open(path, "rb") as file:
                file.seek(places[number])
                data = file.read(places[number + 1] - places[number])
                if stamp_of(file) == stamp:
                    return normalize(data.decode())
        except OSError as error:
            raise UserError(f"cannot read {path}: {one_line(error)}") from None
        raise UserError(f"{path} has changed while it was read: start again")

    if not ends or not ends[-1]:
        return None
    return Reading(path, beginning, "utf-8", left_out, lost), Pieces(read, ends, 0, ends[-1])


def repeats_itself(train, validation):
    """Whether a text is one line again and again, or all of its second part is in the first.

    Args:
        train, validation: `Pieces`.
    """
    starts = [i * len(validation) // SAMPLES for i in range(SAMPLES)]
    samples = ["".join(validation[i : i + SAMPLE]) for i in starts]
    is_long = len(validation) >= SAMPLES * SAMPLE
    # Hardly a text has the first of them, so the others are seldom looked for.
    return _is_one_line(train) or (is_long and _has(train, samples[:1]) and _has(train, samples))


def _is_one_line(pieces):
    """Whether a text has five whole lines or more between two line ends, which are all equal."""
    rest, first, count = None, None, 0
    for piece in pieces:
        begun, *lines = piece.split("\n")
        if rest is not None:
            lines = [rest + begun, *lines]
        for line in lines[:-1]:
            first = line if first is None else first
            count += 1
            if line != first:
                return False
        rest = lines[-1] if lines else rest
    return count >= 5


def _has(pieces, texts):
    """Whether a text contains each of some shorter ones."""
    wanted, before, longest = set(texts), "", max(map(len, texts))
    for piece in pieces:
        both = before + piece
        wanted = {each for each in wanted if each not in both}
        if not wanted:
            return True
        before = both[-longest:]
    return False
