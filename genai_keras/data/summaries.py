"""What was read from a user's file, in a few lines, and what looks wrong with it."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from genai_keras.data.pieces import repeats_itself

SHOWN = 6  # kinds of characters in a line
NUMBER = re.compile(r"[-+]?\d[\d.,]*")
# Encodings in which UTF-8 is often misread.
MISREAD_AS = ("cp1252", "mac_roman", "cp1251", "gb18030")


@dataclass(frozen=True)
class TextSummary:
    """What was read of a text.

    Args:
        name: of the file or the data set.
        encoding: the encoding that was found; None if the text was not read from a file.
        characters, line_count: how many are used.
        vocabulary_size: number of tokens, of which the characters are a part.
        train_characters: how many at the beginning are for training; the rest is for validation.
        left_out: how often each character was found that is left out.
        unusual: how often each character is used that is easily overlooked.
        warnings: what looks wrong, a line each.
    """

    name: str
    encoding: str | None
    characters: int
    line_count: int
    vocabulary_size: int
    train_characters: int
    left_out: dict[str, int] = field(default_factory=dict)
    unusual: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def lines(self):
        """The summary as lines to print, without the warnings."""
        rest = self.characters - self.train_characters
        return [
            f"{_origin(self)}: {self.characters:,} characters in {self.line_count:,} lines, "
            f"{self.vocabulary_size:,} tokens",
            f"training: the first {self.train_characters:,} characters; validation: the last "
            f"{rest:,}",
            *_lines_of_characters(self),
        ]


@dataclass(frozen=True)
class PairsSummary:
    """What was read of a file of pairs, or made by rules.

    Args:
        name: of the file or the data set.
        encoding: the encoding that was found; None if the pairs were not read from a file.
        form: how the file separates its columns, and which are used.
        first: the first pair.
        train_pairs, validation_pairs: how many there are for each.
        skipped: how many were skipped, by reason.
        left_out, unusual, warnings: as in `TextSummary`.
    """

    name: str
    encoding: str | None
    form: str
    first: tuple[str, str]
    train_pairs: int
    validation_pairs: int
    skipped: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    unusual: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def lines(self):
        """The summary as lines to print, without the warnings."""
        skipped = ", ".join(f"{count:,} {why}" for why, count in self.skipped.items() if count)
        return [
            f"{_origin(self)}, {self.form}: {self.train_pairs:,} pairs for training and "
            f"{self.validation_pairs:,} for validation",
            f'the first pair: "{shorten(self.first[0])}" -> "{shorten(self.first[1])}"',
            *([f"skipped: {skipped}"] if skipped else []),
            *_lines_of_characters(self),
        ]


def _origin(summary):
    return f"{summary.name} ({summary.encoding})" if summary.encoding else summary.name


def _lines_of_characters(summary):
    for what, counts in (("left out", summary.left_out), ("unusual", summary.unusual)):
        if counts:
            yield f"{what}: {describe(counts)}"


def describe(counts):
    """Characters with their counts, the most frequent first: "U+FEFF 2 times"."""
    common = Counter(counts).most_common()
    shown = [f"U+{ord(each):04X} {_times(count)}" for each, count in common[:SHOWN]]
    return ", ".join(shown + ([f"{len(common) - SHOWN} others"] if len(common) > SHOWN else []))


def _times(count):
    return "once" if count == 1 else f"{count:,} times"


def shorten(text, longest=40):
    """The beginning of a text as a message can show it: in one line, without backticks."""
    text = " ".join(text.replace("`", "'").split())
    text = text if len(text) <= longest else text[:longest] + "..."
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def unusual_in(pieces):
    """Characters that are easily overlooked, with their counts, in a text in pieces.

    They are spaces other than the usual ones, invisible characters, those that Unicode does not
    define, and U+FFFD, which stands for a character lost in a conversion.
    """

    def is_unusual(each):
        kind = unicodedata.category(each)
        is_space = each.isspace() and each not in " \n\t\u3000"  # the last is usual in Chinese
        return is_space or each == "\ufffd" or kind in ("Cf", "Cn", "Co", "Cs")

    counts = {each: 0 for each in sorted(filter(is_unusual, set().union(*map(set, pieces))))}
    for piece in pieces if counts else ():
        # To count each would take long if there are many.
        count = Counter(piece).__getitem__ if len(counts) > 50 else piece.count
        for each in counts:
            counts[each] += count(each)
    return counts


def _warnings_about_characters(own):
    controls = {each: count for each, count in own.left_out.items() if each != "\ufeff"}
    if controls:
        yield f"control characters are left out: {describe(controls)}"
    if lost := own.raw.count("\ufffd") if own.lost is None else own.lost:
        yield (
            f"U+FFFD occurs {_times(lost)}: it stands for characters that were lost in an earlier "
            "conversion"
        )
    if found := _misread(own.raw):
        wrong, right = map(shorten, found)
        yield (
            f'"{wrong}" and the like look as if text in UTF-8 was once read in another encoding: '
            f'perhaps it was "{right}"'
        )


def _misread(raw):
    """`(wrong, right)` of a frequent group of characters that was UTF-8 once, or None."""
    groups = Counter(re.findall("[^\0-\x7f]+", raw[:200_000]))
    for encoding in MISREAD_AS:
        found = Counter()
        for group, count in groups.items():
            right = _undo(group, encoding)
            if right and len(right) < len(group):
                found[group, right] = count
        if found.total() >= 3 and 4 * found.total() >= groups.total():
            return found.most_common(1)[0][0]
    return None


def _undo(group, encoding):
    """What a group of characters was, had it been UTF-8 that was read in this encoding, or None."""
    # Programs read the five bytes that cp1252 does not define as control characters.
    data = b"".join(
        bytes([ord(each)]) if "\x80" <= each <= "\x9f" else each.encode(encoding, "ignore")
        for each in group
    )
    right = data.decode("utf-8", "ignore")  # a few bytes at its ends may be lost
    return right if 5 * len(right.encode()) >= 4 * len(data) else None


def warnings_about_text(own, train, validation):
    """What looks wrong with a text of one's own, a line each.

    Args:
        own: the `Reading` of its file.
        train, validation: the two parts, as `Pieces`.
    """
    yield from _warnings_about_characters(own)
    if re.match(r"\s*<(!doctype html|html)\b", "".join(train[:1000]), re.IGNORECASE):
        yield "the text is a web page, and its tags are learnt, too: save it as plain text"
    if repeats_itself(train, validation):
        yield (
            "the text repeats itself: what is for validation is in the training part, too, so "
            "validation says nothing about new text"
        )


def warnings_about_pairs(own, train, validation):
    """What looks wrong with pairs of one's own, a line each.

    Args:
        own: the `Reading` of their file.
        train, validation: lists of `(source, target)`.
    """
    yield from _warnings_about_characters(own)
    pairs = train + validation
    for name, side in zip(("sources", "targets"), zip(*pairs, strict=True), strict=True):
        if are_numbers(side):
            yield (
                f'all {name} are numbers, such as "{shorten(side[0])}": if these only number the '
                "lines, choose other columns"
            )
    target, count = Counter(target for _, target in pairs).most_common(1)[0]
    if len(pairs) >= 10 and 5 * count >= 4 * len(pairs):
        yield f'{count:,} of {len(pairs):,} targets are "{shorten(target)}"'
    known = {_bare(source): source for source, _ in train}
    alike = {source: known[_bare(source)] for source, _ in validation if _bare(source) in known}
    sources = len({source for source, _ in validation})
    if 20 * len(alike) > sources:
        source, other = next(iter(alike.items()))
        yield (
            f"{len(alike):,} of {sources:,} validation sources are also in the training part but "
            f'for case and punctuation ("{shorten(source)}", "{shorten(other)}"), so validation '
            "is too easy"
        )


def are_numbers(texts):
    """Whether each of the texts is a number in figures."""
    return all(NUMBER.fullmatch(each) for each in texts)


def _bare(sentence):
    """A sentence without case, and without punctuation at its ends."""
    bare = unicodedata.normalize("NFKC", sentence).casefold()
    first, last = 0, len(bare)
    while first < last and _is_punctuation(bare[first]):
        first += 1
    while first < last and _is_punctuation(bare[last - 1]):
        last -= 1
    return bare[first:last] or bare


def _is_punctuation(character):
    return unicodedata.category(character) in ("Pe", "Pf", "Pi", "Po", "Ps", "Zs")
