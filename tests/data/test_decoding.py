# ruff: noqa: RUF001
"""Bytes to text: what Python itself encodes is found, or shown; what is no text is named."""

import bz2
import gzip
import io
import lzma
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from genai_keras.data.decoding import CANDIDATES, decode
from genai_keras.errors import UsageError, UserError

GERMAN = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n"
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая - по-своему.\n"
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.\n"
CHINESE = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n"
TAIWANESE = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"
KOREAN = "나는 학교에 갑니다. 오늘은 날씨가 좋습니다.\n"
POLISH = "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności.\n"


def refusal(data, path="my file.txt", encoding=None):
    with pytest.raises(UserError) as failure:
        decode(data, path, encoding)
    message = str(failure.value)
    assert "\n" not in message and message.isprintable() and len(message) < 300
    assert str(path) in message
    return message


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, GREEK, CHINESE, JAPANESE, KOREAN])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_utf_is_read_with_its_mark(text, encoding):
    found, name = decode(text.encode(encoding), "x")
    assert found.removeprefix("\ufeff") == text
    assert name == encoding.removesuffix("-sig")


@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, GREEK, POLISH, KOREAN, "a\tb\nc\td\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_without_a_mark_wide_encodings_are_known_by_their_zeros(text, encoding):
    assert decode((text * 3).encode(encoding), "x") == (text * 3, encoding)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_the_zeros_of_utf_32_tell_chinese_too(encoding):
    assert decode(CHINESE.encode(encoding), "x") == (CHINESE, encoding)


@pytest.mark.parametrize("mark", ["utf-16-le", "utf-16-be"])
def test_files_that_were_joined_are_read_if_their_marks_agree(mark):
    part = ("\ufeff" + POLISH).encode(mark)
    assert decode(part + part, "x")[0].replace("\ufeff", "") == 2 * POLISH
    other = ("\ufeff" + POLISH).encode("utf-16-be" if mark == "utf-16-le" else "utf-16-le")
    assert "is not in utf-16" in refusal(part + other)


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gb2312", "gb18030"),
        (TAIWANESE, "big5", "big5"),
        (JAPANESE, "shift_jis", "cp932"),
        (JAPANESE, "euc_jp", "euc-jp"),
        (JAPANESE, "iso2022_jp", "iso2022-jp"),
        (KOREAN, "euc_kr", "cp949"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8_r", "koi8-r"),
        (GREEK, "iso8859_7", "cp1253"),
        (GERMAN, "latin_1", "cp1252"),
        (GERMAN, "mac_roman", "mac-roman"),
        (POLISH, "cp1250", "cp1250"),
        (CHINESE, "utf-16-le", "utf-16-le"),
        (JAPANESE, "utf-16-be", "utf-16-be"),
    ],
)
def test_the_right_encoding_is_shown_with_what_it_reads(text, encoding, named):
    """The message cannot know which is right, but who reads the language can: it shows the text."""
    data = (text * 20).encode(encoding)
    message = refusal(data)
    shown = dict(re.findall(r'`encoding=([\w-]+)` "([^"]*)"', message))
    assert named in shown and len(shown) <= 3
    assert shown[named] in " ".join((text * 20).split())
    # What is named does read the file, whole.
    assert decode(data, "x", named) == (text * 20, named)
    for other in shown.keys() - {named}:  # as do the others, else they would not be shown
        decode(data, "x", other)


@pytest.mark.parametrize("data", [b"a\tb\nc\0\td", b"ab" * 99 + b"c\0", b"\0ab" * 8])
def test_zeros_of_another_kind_are_no_law(data):
    assert "has a NUL" in refusal(data)


def test_a_candidate_reads_the_whole_file():
    """The last character alone excludes an encoding that reads all before it."""
    first = (RUSSIAN * 200).encode("cp1251")
    assert "`encoding=cp1251`" in refusal(first)
    assert "`encoding=cp1251`" not in refusal(first + b"\x98")  # which cp1251 does not have


def test_the_sample_shows_what_the_encodings_disagree_on():
    message = refusal(b"Nothing to see in this line.\n" * 500 + "Müller aß".encode("latin-1"))
    assert '`encoding=cp1252` "ne. Müller aß"' in message


def test_a_sample_spoils_neither_the_terminal_nor_the_flags():
    message = refusal(("`limit=3`é\x1b[31m" * 9).encode("latin-1"))
    assert "\x1b" not in message and "`limit" not in message


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 4,
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(255, -1, -1)),
        np.random.default_rng(0).bytes(2_000),
        b"\0" * 512,
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}" + np.arange(9.0).tobytes(),
    ],
    ids=["program", "image", "noise", "zeros", "array"],
)
def test_what_is_no_text_at_all(data):
    assert "it may not be text" in refusal(data)


def test_a_stray_nul_is_named_and_can_be_left_out():
    data = GERMAN.encode() + b"\0" + GERMAN.encode()
    message = refusal(data)
    assert f"NUL (see byte {len(GERMAN.encode())})" in message and "`encoding=utf-8`" in message
    assert decode(data, "x", "utf-8")[0] == f"{GERMAN}\0{GERMAN}"


@pytest.mark.parametrize(
    "name", ["utf-9", "", "hex", "rot13", "a\0b", "\ud800", "../x", "undefined"]
)
def test_names_that_are_no_encoding(name):
    with pytest.raises(UsageError, match="no such encoding"):
        decode(b"abc", "x", name)


@pytest.mark.parametrize(
    ("data", "encoding", "place"),
    [
        ("grün".encode("latin-1"), "utf-8", 2),
        ("grün".encode(), "ascii", 2),
        ("Ж".encode("cp1251") + b"\x98", "cp1251", 1),
        ("我".encode("gb18030")[:1], "gb18030", 0),
        (b"abc", "utf-16-le", 2),
    ],
)
def test_a_named_encoding_that_is_wrong(data, encoding, place):
    assert f"is not in {encoding} (see byte {place})" in refusal(data, encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-7", "raw_unicode_escape", "idna"])
def test_odd_encodings_give_text_or_an_error(encoding):
    """Some codecs make halves of characters, which no file can be written with."""
    for data in (rb"\ud800", b"+2AA-", b"xn--9999999", b"plain"):
        try:
            text, _ = decode(data, "x", encoding)
        except UserError as error:
            assert "is not in" in str(error)
        else:
            text.encode("utf-8")


# Archives and documents


def archive_of(content, kind):
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("book.txt", content)
    else:
        with tarfile.open(fileobj=file, mode=kind) as archive:
            member = tarfile.TarInfo("book.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


PACKED = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "tar": lambda content: archive_of(content, "w"),
    "zip": lambda content: archive_of(content, "zip"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_the_advice_for_an_archive_unpacks_it(kind, tmp_path):
    content = GERMAN.encode() * 9
    path = tmp_path / "it's my book; echo $HOME"
    path.write_bytes(PACKED[kind](content))
    message = refusal(path.read_bytes(), path)
    assert f"is a {kind} file" in message or f"is an {kind} file" in message
    command = message.split("for example with ")[1].replace("python ", f"{sys.executable} ", 1)
    assert shlex.quote(str(path)) in command
    if not shutil.which(shlex.split(command)[0]):
        pytest.skip("a program of the advice is not installed")
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    (unpacked,) = [each for each in (tmp_path / "new.txt", tmp_path / "unpacked/book.txt")
                   if each.exists()]  # fmt: skip
    assert unpacked.read_bytes() == content


def office(*members, mimetype=None):
    """A zip file with members of these names, and nothing in them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        for each in members:
            archive.writestr(each, "<xml/>" * 50)
    return file.getvalue()


OPEN = "application/vnd.oasis.opendocument."


@pytest.mark.parametrize(
    ("data", "kind", "advice"),
    [
        (office("[Content_Types].xml", "word/document.xml"), "a Word document", "plain text"),
        (office("[Content_Types].xml", "xl/workbook.xml"), "an Excel sheet", "CSV"),
        (office("[Content_Types].xml", "xl/workbook.bin"), "an Excel sheet", "CSV"),
        (office("ppt/presentation.xml"), "a PowerPoint file", "plain text"),
        (office("content.xml", mimetype=OPEN + "text"), "an office document", "plain text"),
        (office("content.xml", mimetype=OPEN + "spreadsheet"), "a spreadsheet", "CSV"),
        (office("a.xhtml", mimetype="application/epub+zip"), "an e-book", "plain text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an office document", "plain text"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF", "pdftotext"),
        (b"{\\rtf1\\ansi Hello.}", "an RTF document", "plain text"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z file", "unpack it"),
        (b"Rar!\x1a\x07\x01\0", "a rar file", "unpack it"),
        (b"\x28\xb5\x2f\xfd\x04", "a zstd file", "zstd -dc"),
        (b"version https://git-lfs.example/spec/v1\noid sha256:0", "Git LFS", "git lfs pull"),
        (office(), "a zip file", "zipfile -e"),
    ],
)
def test_documents_are_named_with_what_to_do(data, kind, advice):
    for encoding in (None, "latin-1"):  # that would read anything
        message = refusal(data, encoding=encoding)
        assert kind in message and advice in message


def test_a_text_about_archives_is_text():
    for text in ("PK: a short story", "BZh is a place", "Rar! cried the lion", "ustar " * 99):
        assert decode(text.encode(), "x")[0] == text


def test_bytes_of_any_kind_are_read_or_refused():
    """Random pieces of the truth, cut anywhere: what is read was encoded so."""
    random = np.random.default_rng(0)
    names = [*CANDIDATES, "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
    texts = (GERMAN, RUSSIAN, GREEK, CHINESE, JAPANESE, KOREAN, POLISH)
    read = 0
    for _ in range(300):
        text = texts[random.integers(len(texts))] * int(random.integers(1, 9))
        data = text.encode(names[random.integers(len(names))], "ignore")
        data = data[: int(random.integers(1, len(data) + 1))]
        try:
            found, name = decode(data, "x")
        except UserError as error:
            assert "\n" not in str(error) and str(error).isprintable()
        else:
            read += 1
            assert found.encode(name) == data  # with its mark, for UTF-16 and UTF-32
    assert 60 < read < 200
