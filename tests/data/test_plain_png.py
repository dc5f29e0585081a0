"""The short way for small PNGs: the pixels that were saved, and no file that is not plain."""

import itertools
import struct
import zlib

import numpy as np
import pytest
from helpers import png_chunk, png_file
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from genai_keras.data import folder_listing, image_decoding
from genai_keras.data.folder_listing import find_images
from genai_keras.data.image_decoding import decode
from genai_keras.data.plain_png import LARGEST, read_plain_png


def pixels_of(kind, size, mode, seed=0):
    """Noise, or a slope, on which the encoder uses the other filters of rows."""
    shape = (*size, *((3,) if mode == "RGB" else ()))
    if kind == "noise":
        return np.random.default_rng(seed).integers(0, 256, shape, dtype="uint8")
    return (np.indices(shape).sum(0) * 3 + seed).astype("uint8")


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (5, 131), (120, 90)])
@pytest.mark.parametrize("kind", ["noise", "slope"])
def test_the_pixels_are_those_that_were_saved(tmp_path, mode, size, kind):
    pixels = pixels_of(kind, size, mode)
    for level in (0, 1, 9):
        Image.fromarray(pixels).save(tmp_path / "a.png", compress_level=level)
        plain = read_plain_png(tmp_path / "a.png")
        assert (plain.mode, plain.size) == (mode, size[::-1])
        assert np.array_equal(plain.decode(), pixels)


@pytest.mark.parametrize("filters", list(itertools.product(range(5), repeat=2)))
def test_each_filter_of_rows_is_undone(tmp_path, filters):
    """Against the definition of the five filters in the standard."""
    rows = np.random.default_rng(0).integers(0, 256, (2, 9), dtype="uint8")
    stored, above = b"", np.zeros(9, int)
    for kind, row in zip(filters, rows.astype(int), strict=True):
        left, corner = np.r_[0, row[:-1]], np.r_[0, above[:-1]]
        estimate = left + above - corner
        nearest = np.argmin(np.abs(estimate - [left, above, corner]), 0)
        guess = (0, left, above, (left + above) // 2, np.choose(nearest, [left, above, corner]))
        stored += bytes([kind]) + ((row - guess[kind]) % 256).astype("uint8").tobytes()
        above = row
    grey = png_chunk(b"IHDR", struct.pack(">2I5B", 9, 2, 8, 0, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + grey + png_chunk(b"IDAT", zlib.compress(stored))
    (tmp_path / "a.png").write_bytes(content + png_chunk(b"IEND", b""))
    assert np.array_equal(read_plain_png(tmp_path / "a.png").decode(), rows)


def parts_of(content):
    """The parts of a PNG as bytes, without its signature."""
    start, parts = 8, []
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        parts.append(content[start:end])
        start = end
    return parts


def with_parts(content, *parts, place=1):
    all_parts = parts_of(content)
    return content[:8] + b"".join([*all_parts[:place], *parts, *all_parts[place:]])


def saved(tmp_path, image, **options):
    image.save(tmp_path / "saved.png", **options)
    return (tmp_path / "saved.png").read_bytes()


def plain_files(tmp_path):
    """Files by name that all show the same image."""
    grey = Image.fromarray(pixels_of("noise", (28, 28), "L"))
    content = saved(tmp_path, grey)
    header, pixels, end = parts_of(content)
    text = PngInfo()
    text.add_text("Software", "a scanner")
    halves = [png_chunk(b"IDAT", half) for half in (pixels[8:100], pixels[100:-4])]
    return {
        "as it is": content,
        "text": saved(tmp_path, grey, pnginfo=text),
        "dots": saved(tmp_path, grey, dpi=(300, 300)),
        "gamma": with_parts(content, png_chunk(b"gAMA", struct.pack(">I", 45455))),
        "time": with_parts(content, png_chunk(b"tIME", bytes(7)), place=2),
        "in two": content[:8] + b"".join([header, *halves, end]),
        "text between": content[:8]
        + b"".join([header, halves[0], png_chunk(b"tEXt", b"a\0b"), halves[1], end]),
        "more behind": content + b"some more",
    }, np.asarray(grey)


def test_what_changes_no_pixel_does_not_matter(tmp_path):
    files, pixels = plain_files(tmp_path)
    for name, content in files.items():
        (tmp_path / "a.png").write_bytes(content)
        assert np.array_equal(read_plain_png(tmp_path / "a.png").decode(), pixels), name


def other_files(tmp_path):
    """Files by name that are no plain PNG, or damaged."""
    grey = Image.fromarray(pixels_of("noise", (28, 28), "L"))
    colour = Image.fromarray(pixels_of("noise", (28, 28), "RGB"))
    content = saved(tmp_path, grey)
    header, pixels, end = parts_of(content)
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.asarray(grey).astype("uint16") * 257)
    turned = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<a tiff:Orientation='6'/>")
    interlaced = png_chunk(b"IHDR", struct.pack(">2I5B", 28, 28, 8, 0, 0, 0, 1))
    more = png_chunk(b"gAMA", struct.pack(">I", 45455))
    return {
        "palette": saved(tmp_path, colour.quantize(9)),
        "bits": saved(tmp_path, grey.convert("1")),
        "deep": saved(tmp_path, deep),
        "alpha": saved(tmp_path, colour.convert("RGBA")),
        "clear value": saved(tmp_path, grey, transparency=7),
        "profile": saved(tmp_path, colour, icc_profile=b"some profile"),
        "turned": saved(tmp_path, grey, exif=exif),
        "turned by text": with_parts(content, turned),
        "animated": saved(tmp_path, grey, save_all=True, append_images=[colour.convert("L")]),
        "interlaced": content[:8] + interlaced + pixels + end,
        "unknown": with_parts(content, png_chunk(b"zzZz", b"")),
        "long gamma": with_parts(content, png_chunk(b"gAMA", bytes(5))),
        "no pixels": content[:8] + header + end,
        "no header": content[:8] + pixels + end,
        "header twice": with_parts(content, header),
        "nothing": content[:8] + end,
        "apart": content[:8] + header + pixels + more + pixels + end,
        "no rows": png_file(28, 0, pixels),
        "a bomb": png_file(50_000, 50_000, pixels),
        "cut": content[:-20],
        "no end": content[:-12],
        "wrong checksum": content.replace(b"IEND", b"IENE"),
        "too long": with_parts(content, png_chunk(b"tEXt", b"a\0" + bytes(LARGEST))),
        "empty": b"",
        "no PNG": b"JFIF" + content[4:],
    }


def test_all_other_files_are_left_to_pillow(tmp_path):
    for name, content in other_files(tmp_path).items():
        (tmp_path / "a.png").write_bytes(content)
        assert read_plain_png(tmp_path / "a.png") is None, name
    assert read_plain_png(tmp_path / "missing.png") is None
    assert read_plain_png(tmp_path) is None


def outcome(path):
    """Pixels, or the error."""
    try:
        return np.asarray(decode(path)).tolist()
    except Exception as error:  # of many types
        return repr(error)


def test_damaged_files_are_read_or_refused_as_by_the_long_way(tmp_path, monkeypatch):
    """A wrong byte anywhere, a file that ends anywhere, and pixels that are damaged or too few."""
    content = saved(tmp_path, Image.fromarray(pixels_of("slope", (4, 5), "RGB")))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels_of("noise", (4, 5), "RGB"))
    damaged = [content[:end] for end in range(len(content))]
    damaged += [
        content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]
        for place in range(len(content))
    ]
    stored = zlib.compress(rows)
    for pixels in (
        zlib.compress(rows[:-1]), zlib.compress(rows + b"more"), zlib.compress(b"\7" + rows[1:]),
        stored[:-1] + b"x", stored[:-4], stored[:20], stored + b"x", b"no zlib", b"",
    ):  # fmt: skip
        header, *_, end = parts_of(content)
        damaged.append(content[:8] + header + png_chunk(b"IDAT", pixels) + end)
    paths = []
    for number, each in enumerate([content, *damaged]):
        paths.append(tmp_path / f"{number:03}.png")
        paths[-1].write_bytes(each)
    short = [outcome(path) for path in paths]
    monkeypatch.setattr(image_decoding, "read_plain_png", lambda path: None)
    for path, ours in zip(paths, short, strict=True):
        assert ours == outcome(path), path
    assert isinstance(short[0], list) and not isinstance(short[1], list)


def test_a_folder_is_described_in_the_same_way(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    files = {**plain_files(tmp_path)[0], **other_files(tmp_path)}
    for name, content in files.items():
        (tmp_path / "mine" / name).write_bytes(content)
    for name in ("a bomb", "no rows", "cut"):
        (tmp_path / "mine" / name).unlink(missing_ok=True)
    found = find_images(tmp_path / "mine")
    monkeypatch.setattr(folder_listing, "read_plain_png", lambda path: None)
    assert find_images(tmp_path / "mine") == found
    assert found.modes["L"] > len(plain_files(tmp_path)[0])
