"""Bytes of a user's own file to text: which encoding they are in, or why they are not text."""

import re
import shlex
import unicodedata

from charset_normalizer import from_bytes

from genai_keras.errors import UsageError, UserError

# In this order: the mark of UTF-32 begins with that of UTF-16.
MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# Each is the largest of its family: cp932 reads Shift-JIS, cp949 EUC-KR, gb18030 GBK and GB2312.
CANDIDATES = (
    "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp1252", "mac_roman",
    "cp866", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256",
)  # fmt: skip
SHOWN = 3  # candidates in a message
SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters

UNPACK = "unpack it, for example with "
AS_TEXT = "save it as plain text in UTF-8"
AGAIN = "save it again in UTF-8"
AS_TABLE = "save it as CSV in UTF-8, or as text separated by tabs"
# How files begin that are no text: a pattern, what they are, and what to do.
KINDS = [
    (re.compile(pattern, re.DOTALL), kind, advice)
    for pattern, kind, advice in (
        (rb"\x1f\x8b", "a gzip file", UNPACK + "gzip -dc {path} > new.txt"),
        (rb"BZh[1-9]1AY&SY", "a bzip2 file", UNPACK + "bzip2 -dc {path} > new.txt"),
        (rb"\xfd7zXZ\x00", "an xz file", UNPACK + "xz -dc {path} > new.txt"),
        (rb"\x28\xb5\x2f\xfd", "a zstd file", UNPACK + "zstd -dc {path} > new.txt"),
        (rb".{257}ustar", "a tar file", UNPACK + "python -m tarfile -e {path} unpacked"),
        (rb"7z\xbc\xaf\x27\x1c", "a 7z file", "unpack it"),
        (rb"Rar!\x1a\x07", "a rar file", "unpack it"),
        (rb"PK\x03\x04.{26}mimetypeapplication/epub", "an e-book (EPUB)", AS_TEXT),
        (rb"PK\x03\x04.{26}mimetypeapplication/vnd\S*spreadsheet", "a spreadsheet", AS_TABLE),
        (rb"PK\x03\x04.{26}mimetypeapplication/vnd", "an office document", AS_TEXT),
        (rb"PK\x03\x04.*word/document\.xml", "a Word document", AS_TEXT),
        (rb"PK\x03\x04.*xl/workbook\.(xml|bin)", "an Excel sheet", AS_TABLE),
        (rb"PK\x03\x04.*ppt/presentation\.xml", "a PowerPoint file", AS_TEXT),
        (rb"PK[\x03\x05][\x04\x06]", "a zip file", UNPACK + "python -m zipfile -e {path} unpacked"),
        (rb"\xd0\xcf\x11\xe0", "an office document", AS_TEXT),
        (rb"%PDF-", "a PDF", "export its text, for example with pdftotext {path} new.txt"),
        (rb"\{\\rtf", "an RTF document", AS_TEXT),
        (rb"version https://git-lfs", "a pointer of Git LFS", "fetch the file with git lfs pull"),
    )
]


def decode(data, path, encoding=None, can_be_named=True):
    """The text in a file's bytes, and the name of the encoding.

    Without a name it is UTF-8, or UTF-16 or UTF-32 if the bytes have their mark. Without a mark
    they are known by a law: of most texts in UTF-16, every other byte is often zero and the others
    hardly ever; in UTF-32, the highest byte of each character is zero. Nothing else is guessed.

    Args:
        data: the bytes.
        path: of the file, for messages.
        encoding: name of an encoding of Python, or None.
        can_be_named: whether the user can give this name, for messages.

    Raises:
        UserError: the file is no text, or in another encoding. The message shows how each plausible
            encoding reads it if the user can name one.
        UsageError: there is no such encoding.
    """

    def refuse(problem, encodings=None):
        advice = _advise(data, encodings) if can_be_named else AGAIN
        raise UserError(f"{path} {problem}: {advice}")

    for pattern, kind, advice in KINDS:
        if pattern.match(data):
            advice = advice.format(path=shlex.quote(str(path)))
            raise UserError(f"{path} is {kind}, not text: {advice}")
    if encoding is not None:
        return _decode_as(encoding, data, path, ", so name another `encoding`"), encoding
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    if marked:
        advice = "name its `encoding`" if can_be_named else AGAIN
        return _decode_as(marked, data, path, f", as its first bytes say: {advice}"), marked
    if b"\0" in data:
        found = next(filter(lambda name: _obeys(name, data), WIDE), None)
        if found:
            return data.decode(found), found
        refuse(f"has a NUL (see byte {data.index(0)}), so it is not text in UTF-8")
    if b"\x1b$" in data:  # ASCII, which is UTF-8, with commands to change the alphabet
        place = data.index(b"\x1b$")
        refuse(f"is not in UTF-8 (see byte {place})", ("iso2022_jp", "iso2022_kr"))
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        place = error.start
    refuse(f"is not in UTF-8 (see byte {place})")


def _decode_as(encoding, data, path, advice):
    try:
        b"a".decode(encoding)
    except UnicodeDecodeError:
        pass  # it needs more bytes
    except (LookupError, ValueError):
        raise UsageError(
            f"`encoding={encoding}`: there is no such encoding; names that Python knows are utf-8, "
            "gb18030 and cp1252, for example"
        ) from None
    place = ""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        place = f" (see byte {error.start})"
    except UnicodeError:
        pass
    else:
        # A byte-order mark that is read the wrong way round is U+FFFE.
        if not SURROGATES.search(text) and "\ufffe" not in text:
            return text
    raise UserError(f"{path} is not in {encoding}{place}{advice}")


def _obeys(wide, data):
    """Whether bytes with a NUL and without a mark are certainly in this wide encoding."""
    text = _try(wide, data)
    if text is None or wide.startswith("utf-32"):
        return text is not None
    even, odd = data[::2].count(0), data[1::2].count(0)
    zeros, others = (odd, even) if wide == "utf-16-le" else (even, odd)
    if 4 * others > zeros:  # a few are in letters, such as the Korean U+AC00
        return False
    # Spaces and line ends are an eighth of a text in any alphabet, though not in Chinese.
    return 2 * zeros >= len(text) or (
        8 * zeros >= len(text) and len(_alphabets(text) - {"LATIN"}) <= 1
    )


def _alphabets(text):
    """The first words of the names of a text's letters, such as LATIN, CYRILLIC and CJK."""
    return {unicodedata.name(each, "?").split()[0] for each in set(text) if each.isalpha()}


def _try(encoding, data):
    """The text if all of the bytes make sense in an encoding, else None."""
    try:
        text = data.decode(encoding)
    except UnicodeError:
        return None
    if encoding == "utf-8":
        text = text.replace("\0", "")
    if not text:
        return None
    senseless = ("Cc", "Cn", "Co", "Cs")
    found = (unicodedata.category(each) in senseless for each in set(text) - set("\t\n\v\f\r\x85"))
    return None if any(found) else text


def _advise(data, encodings=None):
    """What to do about bytes that are not in UTF-8: how plausible encodings read them."""
    readings = {}
    for name in encodings or _plausible(data):
        text = _try(name, data)
        if text is not None and (sample := _sample(text)) not in readings.values():
            readings[name.replace("_", "-")] = sample
    shown = ", ".join(f'`encoding={name}` "{readings[name]}"' for name in [*readings][:SHOWN])
    if shown:
        return f"choose the encoding that reads it right: {shown}"
    return "it may not be text; if it is, name its encoding with `encoding`"


def _plausible(data):
    """Names of encodings, the most plausible first."""
    if b"\0" in data:
        return (*WIDE, "utf-8")  # from which NULs are left out if it is named
    found = from_bytes(data, cp_isolation=[*CANDIDATES, "utf_16_le", "utf_16_be"],
                       enable_fallback=False, preemptive_behaviour=False)  # fmt: skip
    # Several encodings may read it alike: take the best known of them.
    names = [next(filter(each.could_be_from_charset.__contains__, CANDIDATES), each.encoding)
             for each in found]  # fmt: skip
    # In languages of Western Europe, few letters are outside of ASCII.
    if 4 * sum(byte > 127 for byte in data[:100_000]) <= len(data[:100_000]):
        names.insert(0, "cp1252")
    return list(dict.fromkeys(names))


def _sample(text):
    """The piece of a text at its first character outside of ASCII."""
    place = next((i for i, each in enumerate(text) if ord(each) > 127), 0)
    piece = text[max(0, place - 5) : max(15, place + 15)].replace("`", "'")
    piece = "".join(each if each.isprintable() else " " for each in piece)
    return " ".join(piece.split())
