"""Files that are damaged by the same chance each time: an error in one line, or the truth."""

import faulthandler
import gzip
import io
import json
import struct
import time
import tracemalloc
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genai_keras.data import folder as folder_module
from genai_keras.data.images import READERS
from genai_keras.data.pairs import load_pairs
from genai_keras.data.text import load_text
from genai_keras.data.tokenizers import (
    BytePairTokenizer,
    CharacterTokenizer,
    load_tokenizer,
)
from genai_keras.errors import UserError

pytestmark = pytest.mark.slow

SECONDS = 15  # of processor time that one file may take; most take some thousandths
HANGS = 300  # seconds without an answer, whatever else the machine does
MEMORY = 50_000_000  # bytes
EXTREMES = [0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1,
            2**63 - 1, 2**63, 2**64 - 1]  # fmt: skip


def damage(data, other, random):
    """One to three small changes of bytes; `other` is another whole file of the kind."""
    for _ in range(random.integers(1, 4)):
        data = _change(bytearray(data), other, random)
    return bytes(data)


def _change(data, other, random):
    size = len(data)
    # Where a change is felt most: near the beginning or the end, or else anywhere.
    places = [(0, min(64, size)), (max(0, size - 64), size), (0, size)]
    place = int(random.integers(*places[random.integers(3)])) if size else 0
    until = min(size, place + int(random.integers(1, 40)))
    kind = random.integers(9 if random.random() < 0.3 else 7)
    if kind < 2 and size:
        data[place] ^= 1 << random.integers(8)
    elif kind == 2 and size:
        data[place] = random.integers(256)
    elif kind in (3, 4):
        width = int(random.choice([1, 2, 4, 8]))
        value = int(random.choice(np.array(EXTREMES, "uint64"))) % 256**width
        data[place : place + width] = value.to_bytes(width, ["big", "little"][random.integers(2)])
    elif kind == 5:
        new = random.bytes(int(random.integers(1, 9)))
        data[place:place] = new if random.random() < 0.5 else data[place : place + 1]
    elif kind == 6:
        data[place:place] = data[place:until]
    elif kind == 7:
        data = data[:place] if random.random() < 0.7 else data[:place] + data[until:]
    else:
        data = data + other if random.random() < 0.5 else bytearray(other) + data
    return data


def fuzz(path, whole, other, read, check, count, named=None):
    """Damages a file `count` times, and checks what is read.

    Args:
        path: of the file.
        whole, other: contents of two files that are in order.
        read: a function without arguments that reads the file.
        check: a function of what was read.
        named: what an error has to name; the file.

    Returns:
        How many were read, and how many refused.
    """
    seed = sum(path.suffix.encode()) + len(whole)
    random = np.random.default_rng(seed)
    read_well = refused = 0
    tracemalloc.start()
    try:
        for content in (whole, other):
            path.write_bytes(content)
            check(read())
        for number in range(count):
            content = damage(whole, other, random)
            path.write_bytes(content)
            tracemalloc.reset_peak()
            faulthandler.dump_traceback_later(HANGS, exit=True)
            start = time.process_time()
            try:
                check(read())
                read_well += 1
            except UserError as error:
                message = str(error)
                assert "\n" not in message and message.isprintable(), (seed, number, message)
                assert any(each in message for each in named or [str(path)]), (number, message)
                refused += 1
            except Exception as error:
                error.add_note(f"file {number} of the seed {seed}: {content[:200]!r}")
                raise
            assert time.process_time() - start < SECONDS, (seed, number)
            assert tracemalloc.get_traced_memory()[1] < MEMORY, (seed, number)
    finally:
        tracemalloc.stop()
        faulthandler.cancel_dump_traceback_later()
    assert refused  # else nothing was damaged
    return read_well, refused


def some_images(seed):
    return np.random.default_rng(seed).integers(0, 256, (7, 5, 4), dtype="uint8")


def labels(seed):
    return np.random.default_rng(seed).integers(0, 10, 7, dtype="uint8")


def keeps_promises(parts):
    """Of a reader of arrays."""
    train, test, *both = parts
    assert train.dtype == test.dtype == np.uint8
    assert train.ndim == test.ndim == 4 and train.shape[3] in (1, 3)
    assert train.size and test.size and train.shape[1:] == test.shape[1:]
    for images, part_labels in zip((train, test), both, strict=True):
        if part_labels is not None:
            assert part_labels.shape == (len(images),) and part_labels.max() < 10


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_idx(tmp_path, kind, zipped):
    def idx(array):
        content = struct.pack(f">{1 + array.ndim}i", 2048 + array.ndim, *array.shape)
        content += array.tobytes()
        return gzip.compress(content, mtime=0) if zipped else content

    suffix = ".gz" if zipped else ""
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte{suffix}").write_bytes(idx(some_images(0)))
        (tmp_path / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(idx(labels(0)))
    make = some_images if kind[0] == "i" else labels
    place = 1 if kind[0] == "i" else 3

    def check(parts):
        keeps_promises(parts)
        if zipped:  # whose checksum finds every change
            found = parts[place].reshape(make(0).shape)
            assert any(np.array_equal(found, make(seed)) for seed in (0, 1))

    path = tmp_path / f"t10k-{kind}-ubyte{suffix}"
    # Files that are whole, but do not fit together, are named by their folder.
    read = lambda: READERS["mnist"](tmp_path)  # noqa: E731
    fuzz(path, idx(make(0)), idx(make(1)), read, check, 250, [str(tmp_path)])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "deflated"])
def test_npz(tmp_path, save):
    def arrays(seed):
        images, numbers = some_images(seed), labels(seed)
        return {"x_train": images, "x_test": images[:3], "y_train": numbers,
                "y_test": numbers[:3]}  # fmt: skip

    def npz(seed):
        file = io.BytesIO()
        save(file, **arrays(seed))
        return file.getvalue()

    def check(parts):
        keeps_promises(parts)
        parts = [part if part is None or part.ndim == 1 else part[..., 0] for part in parts]
        # The names of members have no checksum, so labels may be lost; they may not be others.
        assert any(
            all(
                found is None or np.array_equal(found, expected)
                for found, expected in zip(parts, arrays(seed).values(), strict=True)
            )
            for seed in (0, 1)
        )

    path = tmp_path / "mnist.npz"
    fuzz(path, npz(0), npz(1), lambda: READERS["mnist"](tmp_path), check, 400)


def test_cifar(tmp_path):
    def records(seed):
        return np.random.default_rng(seed).integers(0, 10, (2, 3073), dtype="uint8").tobytes()

    (tmp_path / "data_batch_1.bin").write_bytes(records(0))
    read = lambda: READERS["cifar10"](tmp_path)  # noqa: E731
    fuzz(tmp_path / "test_batch.bin", records(1), records(2), read, keeps_promises, 100)


TEXTS = [
    "".join(f"I see {n} cats.\t我看见{n}只猫。\n" for n in range(40)),
    "\ufeff" + "".join(f"Er hat {n} Äpfel.\tIl a {n} pommes.\tCC-BY\r\n" for n in range(40)),
]


def as_text(data, encoding):
    """What is in a file, step by step; the characters that are left out are listed by category."""
    text = "".join(
        each
        for each in data.decode(encoding)
        if each in "\t\n\r\v\f\x85" or (unicodedata.category(each) != "Cc" and each != "\ufeff")
    )
    while "\r\r\n" in text:
        text = text.replace("\r\r\n", "\r\n")
    for end in ("\r\n", *"\r\v\f\x85\u2028\u2029"):
        text = text.replace(end, "\n")
    return unicodedata.normalize("NFC", text)


# So short that many a change is at a separator or at the end of a line.
SHORT = [(str(n), f"{n}猫") for n in range(40)]
TABLES = {
    "tabs": "".join(f"{source}\t{target}\n" for source, target in SHORT),
    "commas": "source,target\n" + "".join(f'"{source}",{target}\n' for source, target in SHORT),
    "semicolons": "".join(f'{source};"{target}"\r\n' for source, target in SHORT),
    "json lines": "".join(f'{{"a": "{source}", "b": "{target}"}}\n' for source, target in SHORT),
    "json": json.dumps(SHORT, ensure_ascii=False),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("table", TABLES)
def test_pairs(tmp_path, table, encoding):
    path = tmp_path / ("pairs.csv" if table == "commas" else "pairs.tsv")

    def check(pairs):
        assert pairs.validation_texts and pairs.train.count
        content = "".join(as_text(path.read_bytes(), pairs.summary.encoding).split())
        for sentence in (sentence for pair in pairs.validation_texts for sentence in pair):
            assert sentence == " ".join(sentence.split()) != ""
            # None is made up; a quote or a backslash may stand for another sign.
            made_of = "".join(sentence.split())
            assert made_of in content or '"' in made_of or '""' in content or "\\" in content
        for sources, targets in pairs.train.in_order():
            # Something stands before each sentence's end.
            assert (np.asarray(sources)[:, 0] > 1).all() and (np.asarray(targets)[:, 0] > 1).all()

    read = lambda: load_pairs("pairs", path, batch_size=8)  # noqa: E731
    whole = [each.encode(encoding) for each in (TABLES[table], TEXTS[1])]
    count = 250 if table == "tabs" and encoding == "utf-8" else 40
    fuzz(path, *whole, read, check, count, [str(path), "`max_length="])


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8", None), ("utf-16", None), ("utf-16-be", None), ("utf-32", None), ("big5", "big5")],
)
def test_text(tmp_path, encoding, named):
    path = tmp_path / "text.txt"

    def check(text):
        content = as_text(path.read_bytes(), text.summary.encoding)
        first = text.train.first(1)
        assert text.tokenizer.decode(np.asarray(first)[0]) == content[:9]
        assert text.summary.characters == len(content)

    fuzz(
        path,
        *(each.encode(encoding, "ignore") for each in TEXTS),
        lambda: load_text("text", path, context_length=8, batch_size=2, encoding=named),
        check,
        200 if encoding == "utf-8" else 40,
        [str(path), "too short", "`context_length="],
    )


@pytest.mark.parametrize("encoding", ["gb18030", "shift_jis", "koi8_r"])
def test_text_in_another_encoding_is_never_read_unnamed(tmp_path, encoding):
    """The damage may make it UTF-8 or UTF-16 only by a mark, or by leaving nothing but ASCII."""
    path = tmp_path / "text.txt"
    text = "我们 今天 いい天気 все люди\n" * 20
    whole = [(text + each).encode(encoding, "ignore") for each in "01"]

    for each in whole:
        path.write_bytes(each)
        with pytest.raises(UserError, match="`encoding="):
            load_text("text", path)
    random = np.random.default_rng(0)
    for _ in range(60):
        data = damage(*whole, random)
        path.write_bytes(data)
        try:
            load_text("text", path, context_length=8, batch_size=2)
        except UserError as error:
            assert str(error).isprintable() and "\n" not in str(error)
        else:
            assert data[:2] in (b"\xff\xfe", b"\xfe\xff") or data.isascii()


IMAGES = ["png", "jpg", "gif", "bmp", "webp", "tif", "avif", "jp2", "ppm", "qoi", "ico", "dds",
          "tga", "pcx", "sgi"]  # fmt: skip


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("mode", ["RGB", "LA", "I;16"])
def test_images(tmp_path, kind, mode, capfd, monkeypatch):
    monkeypatch.setattr(folder_module, "MEMORY", 0)
    if mode == "LA" and kind not in ("png", "webp", "tif"):
        mode = "RGB" if kind in ("qoi", "ico", "dds", "avif") else "L"
    if mode == "I;16" and kind not in ("png", "tif", "ppm", "jp2"):
        pytest.skip("this format has no 16 bits of grey")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 20, 3), dtype="uint8")
    for seed in range(3):
        Image.fromarray(np.roll(pixels[0], seed)).save(tmp_path / f"good{seed}.png")
    path = tmp_path / f"damaged.{kind}"

    def encoded(index):
        Image.fromarray(pixels[index]).convert(mode).save(path)
        return path.read_bytes()

    whole = [encoded(0), encoded(1)]
    expected = []

    def read():
        parts = folder_module.read_folder(tmp_path, 8)[0]
        return {
            each.name: pixels
            for part in parts
            for each, pixels in zip(part.paths, fetch(part), strict=True)
        }

    def check(found):
        image = found[path.name]
        assert image.shape == (8, 8, 3) and image.dtype == np.uint8
        if len(expected) < 2:
            expected.append(image)
        elif kind == "png":  # which has checksums
            assert any(np.array_equal(image, each) for each in expected)

    def fetch(part):  # what is streamed was found good before: it cannot fail in training
        white = part.summary.white
        return [folder_module.decode_image(each, part.shape, white) for each in part.paths]

    count = 100 if IMAGES.index(kind) < 6 else 30  # the six that most people have
    fuzz(path, *whole, read, check, count)
    if kind != "tif":  # of which libtiff itself, in C, has sometimes more to say
        assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_tokenizers(tmp_path, kind):
    path = tmp_path / "tokenizer.json"
    if kind == "char":
        made = [CharacterTokenizer.learn(each, ("<padding>", "<end>")) for each in TEXTS]
    else:
        made = [BytePairTokenizer.learn(each, 300, ("<padding>", "<end>")) for each in TEXTS]

    def check(tokenizer):
        known = TEXTS[0] if kind == "bpe" else tokenizer.characters
        assert tokenizer.decode(tokenizer.encode(known)) == known
        assert tokenizer.encode(known).max(initial=0) < tokenizer.vocabulary_size
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        assert content == json.loads(tokenizer.to_json())

    fuzz(
        path, *(each.to_json().encode() for each in made), lambda: load_tokenizer(path), check, 250
    )
