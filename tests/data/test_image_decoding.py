"""Pixels of every depth, mode and format against a reference in NumPy, and ImageMagick if present.

The files are written here, byte by byte as their standards say, so that no error of Pillow's can
be in both.
"""

import itertools
import shutil
import struct
import subprocess
import tracemalloc
import zlib

import numpy as np
import pytest
from helpers import png_chunk, png_file
from PIL import Image, ImageCms

from genai_keras.data import folder as folder_module
from genai_keras.data.folder import read_folder
from genai_keras.data.image_decoding import decode, decode_image
from genai_keras.errors import UserError

HEIGHT, WIDTH = 7, 9


def over_white(colour, alpha=1.0):
    """Light in 0..1, `(height, width, 1 or 3)`, as `(height, width, 3)` in 0..255 on paper."""
    return np.broadcast_to(255 * (colour * alpha + 1 - alpha), (*colour.shape[:2], 3))


def read(path):
    return np.asarray(decode(path).convert("RGB"), float)


def some(bits, channels, seed=0):
    """Samples `(height, width, channels)` with the least and the greatest value among them."""
    samples = np.random.default_rng(seed).integers(0, 2**bits, (HEIGHT, WIDTH, channels))
    samples[0, 0], samples[0, 1] = 0, 2**bits - 1
    return samples


def packed(samples, bits, order=">"):
    """Rows of samples as bytes; those of fewer than 8 bits begin at the highest bit."""
    rows = samples.reshape(len(samples), -1)
    if bits >= 8:
        return [row.astype(f"{order}u{bits // 8}").tobytes() for row in rows]
    each_bit = rows[..., None] >> np.arange(bits)[::-1] & 1
    return [row.tobytes() for row in np.packbits(each_bit.reshape(len(rows), -1), axis=1)]


# PNG: all depths and colour types of its standard, with a transparent colour and without

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
PNG_KINDS = [
    *itertools.product((GREY, PALETTE), (1, 2, 4, 8), (False, True)),
    *itertools.product((GREY,), (16,), (False, True)),
    *itertools.product((RGB,), (8, 16), (False, True)),
    *itertools.product((GREY_ALPHA, RGBA), (8, 16), (False,)),
]
COLOURS = np.random.default_rng(1).integers(0, 256, (256, 3))
ALPHAS = np.random.default_rng(2).integers(0, 256, 256)


def png(samples, bits, colour, before=(), after=()):
    """A PNG with more chunks, whole ones, before and after its pixels."""
    height, width, _ = samples.shape
    pixels = zlib.compress(b"".join(b"\0" + row for row in packed(samples, bits)))
    parts = *before, png_chunk(b"IDAT", pixels), *after
    return png_file(width, height, *parts, bits=bits, colour=colour)


def png_and_truth(colour, bits, transparent):
    samples, most = some(bits, CHANNELS[colour]), 2**bits - 1
    light, alpha, before = samples / most, 1.0, []
    if colour == PALETTE:
        before = [png_chunk(b"PLTE", COLOURS[: most + 1].astype("uint8").tobytes())]
        light = COLOURS[samples[..., 0]] / 255
        if transparent:
            before.append(png_chunk(b"tRNS", ALPHAS[: most + 1].astype("uint8").tobytes()))
            alpha = ALPHAS[samples] / 255
    elif transparent:
        clear = samples[3, 3]
        before = [png_chunk(b"tRNS", clear.astype(">u2").tobytes())]
        alpha = (samples != clear).any(-1, keepdims=True).astype(float)
    elif colour in (GREY_ALPHA, RGBA):
        light, alpha = light[..., :-1], light[..., -1:]
    return png(samples, bits, colour, before), over_white(light, alpha)


@pytest.mark.parametrize(("colour", "bits", "transparent"), PNG_KINDS)
def test_every_kind_of_png(tmp_path, colour, bits, transparent):
    content, truth = png_and_truth(colour, bits, transparent)
    (tmp_path / "a.png").write_bytes(content)
    # Pillow keeps the higher byte of colours with 16 bits, up to one level too few.
    assert np.abs(read(tmp_path / "a.png") - truth).max() < 1.6


# TIFF: depths, meanings of the value 0, alpha and byte orders


def tiff(samples, bits, photometric, order="<", extra=None, kind=1, **more):
    """An uncompressed TIFF; `kind` is 1 for unsigned, 2 for signed integers, 3 for floats."""
    data = b"".join(packed(samples, bits, order))
    if kind == 3:
        data = samples.astype(f"{order}f4").tobytes()
    height, width, channels = samples.shape
    tags = {
        256: ("H", [width]), 257: ("H", [height]), 258: ("H", [bits] * channels), 259: ("H", [1]),
        262: ("H", [photometric]), 273: ("L", [8]), 277: ("H", [channels]), 278: ("H", [height]),
        279: ("L", [len(data)]), 339: ("H", [kind] * channels),
    }  # fmt: skip
    if extra is not None:
        tags[338] = ("H", [extra])
    tags |= {int(tag[1:]): ("H", values) for tag, values in more.items()}
    data += b"\0" * (len(data) % 2)
    beyond = 8 + len(data) + 2 + 12 * len(tags) + 4
    entries, values_beyond = b"", b""
    for tag, (letter, values) in sorted(tags.items()):
        value = struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(value) > 4:
            place = struct.pack(f"{order}L", beyond + len(values_beyond))
            values_beyond += value
            value = place
        head = struct.pack(f"{order}HHL", tag, 3 if letter == "H" else 4, len(values))
        entries += head + value.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", 8 + len(data))
    count = struct.pack(f"{order}H", len(tags))
    return start + data + count + entries + bytes(4) + values_beyond


def from_lab(lab):
    """CIELAB under D50 as sRGB in 0..1, by CIE 15."""
    f_y = (lab[..., 0] + 16) / 116
    f = np.stack([f_y + lab[..., 1] / 500, f_y, f_y - lab[..., 2] / 200], -1)
    return to_srgb(
        np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1, 0.8249]
    )


def to_srgb(xyz):
    """CIEXYZ under D50 as sRGB in 0..1, by IEC 61966-2-1, adapted after Bradford."""
    matrix = [[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]]
    linear = np.clip(xyz @ np.transpose(matrix), 0, 1)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


WHITE_IS_ZERO, BLACK_IS_ZERO, CMYK, YCBCR, LAB = 0, 1, 5, 6, 8
TIFF_KINDS = [
    *itertools.product((WHITE_IS_ZERO, BLACK_IS_ZERO), (1, 2, 4, 8, 16, "float"), (None,)),
    *itertools.product((BLACK_IS_ZERO,), (8,), (0, 1, 2)),
    *itertools.product((RGB,), (8, 16), (None, 0, 1, 2)),
    *itertools.product((PALETTE,), (1, 2, 4, 8), (None,)),
    (PALETTE, 8, 0), (PALETTE, 8, 2),
    *itertools.product((CMYK,), (8, 16), (None,)),
    (CMYK, 8, 0), (YCBCR, 8, None), (LAB, 8, None),
]  # fmt: skip
# The pairs of byte order and kind that Pillow refuses.
UNREADABLE = {(">", WHITE_IS_ZERO, 16)}


def tiff_and_truth(photometric, bits, extra, order):
    kind, depth = (3, 32) if bits == "float" else (1, bits)
    colours = {RGB: 3, CMYK: 4, YCBCR: 3, LAB: 3}.get(photometric, 1)
    samples = some(min(depth, 16), colours + (extra is not None))
    more, most = {}, 2**depth - 1
    if kind == 3:
        most, samples = 1, samples / 65535
    light, alpha = samples[..., :colours] / most, 1.0
    if extra in (1, 2):
        alpha = samples[..., -1:] / most
    if extra == 1:  # premultiplied
        samples[..., :-1] = np.minimum(samples[..., :-1], samples[..., -1:])
        light = samples[..., :-1] / np.maximum(samples[..., -1:], 1)
    if photometric == WHITE_IS_ZERO:
        light = 1 - light
    elif photometric == PALETTE:
        light = COLOURS[samples[..., 0]] / 255
        more = {"_320": [int(each) * 257 for each in COLOURS[: most + 1].T.ravel()]}
    elif photometric == CMYK:
        light = (1 - light[..., :3]) * (1 - light[..., 3:])
    elif photometric == YCBCR:  # full range, ITU-R BT.601
        y, blue, red = np.moveaxis(light, -1, 0) - np.reshape([0, 128 / 255, 128 / 255], (3, 1, 1))
        rgb = y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue
        light = np.clip(np.stack(rgb, -1), 0, 1)
    elif photometric == LAB:  # a and b are signed bytes; here small, so that sRGB has the colours
        samples = samples % [100, 41, 41] + [120, -20, -20]
        light = from_lab(samples / [2.55, 1, 1])
        samples %= 256
    return tiff(samples, depth, photometric, order, extra, kind, **more), over_white(light, alpha)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("photometric", "bits", "extra"), TIFF_KINDS)
def test_every_kind_of_tiff(tmp_path, photometric, bits, extra, order):
    content, truth = tiff_and_truth(photometric, bits, extra, order)
    (tmp_path / "a.tif").write_bytes(content)
    if (order, photometric, bits) in UNREADABLE:
        with pytest.raises(UserError, match=r"a\.tif"):
            decode_image(tmp_path / "a.tif", (8, 8, 3))
        return
    # Colours with 16 bits lose up to one level, premultiplied ones two more; Lab is computed in few
    # bits.
    tolerance = {1: 3.1}.get(extra, 5 if photometric == LAB else 1.6)
    assert np.abs(read(tmp_path / "a.tif") - truth).max() < tolerance


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("bits", "kind"), [(8, 2), (16, 2), (32, 1), (32, 2), (32, 3)])
def test_numbers_without_a_known_range_are_read_where_they_are_levels_or_refused(
    tmp_path, bits, kind, order
):
    levels = some(8, 1)
    if kind == 3:
        levels = levels / 255
    (tmp_path / "a.tif").write_bytes(tiff(levels, bits, BLACK_IS_ZERO, order, kind=kind))
    if bits > 8 and (order, bits, kind) != (">", 32, 1):
        assert np.abs(read(tmp_path / "a.tif") - over_white(some(8, 1) / 255)).max() < 0.1
    for wrong in (-1, 1000) if bits > 8 else (-1,):
        if kind == 1 and wrong < 0:
            continue
        levels[2, 2] = wrong
        (tmp_path / "a.tif").write_bytes(tiff(levels, bits, BLACK_IS_ZERO, order, kind=kind))
        with pytest.raises(UserError, match=r"a\.tif.*(must be|signed|identify)"):
            decode_image(tmp_path / "a.tif", (8, 8, 3))


def test_every_kind_is_the_same_in_imagemagick(tmp_path):
    """The same files; few levels apart, as it rounds where Pillow cuts."""
    program = next((name for name in ("magick", "convert") if shutil.which(name)), None)
    version = program and subprocess.run([program, "-version"], capture_output=True, text=True)
    if not program or not version.stdout.startswith("Version: ImageMagick"):
        pytest.skip("ImageMagick is not installed")
    made = {f"{kind}.png": png_and_truth(*kind)[0] for kind in PNG_KINDS}
    for kind in TIFF_KINDS:
        if kind[0] not in (CMYK, LAB):  # which it converts by profiles of its own
            made[f"{kind}.tif"] = tiff_and_truth(*kind, "<")[0]
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
        asked = ["-auto-orient", "-background", "white", "-alpha", "remove", "-depth", "8", "rgb:-"]
        drawn = subprocess.run([program, tmp_path / name, *asked], capture_output=True, check=True)
        theirs = np.frombuffer(drawn.stdout, "uint8").reshape(HEIGHT, WIDTH, 3)
        assert np.abs(read(tmp_path / name) - theirs).max() < 4, name


def test_modes_that_other_formats_have(tmp_path):
    """PA is a palette with alpha; a JPEG in CMYK is stored inverted, as Adobe does."""
    palette = Image.fromarray(some(8, 1)[..., 0].astype("uint8"), "P")
    palette.putpalette(COLOURS.astype("uint8").tobytes())
    alpha = some(8, 1, seed=5).astype("uint8")
    image = palette.convert("PA")
    image.putalpha(Image.fromarray(alpha[..., 0]))
    image.save(tmp_path / "pa.tif")
    truth = over_white(COLOURS[some(8, 1)[..., 0]] / 255, alpha / 255)
    assert np.abs(read(tmp_path / "pa.tif") - truth).max() < 1.6
    smooth = np.stack(np.meshgrid(*[np.linspace(0, 200, 32)] * 2), -1).astype("uint8")
    inks = np.concatenate([smooth, smooth[..., ::-1] // 2], -1)
    Image.fromarray(inks, "CMYK").save(tmp_path / "inks.jpg", quality=100, subsampling=0)
    truth = over_white((1 - inks[..., :3] / 255) * (1 - inks[..., 3:] / 255))
    assert np.abs(read(tmp_path / "inks.jpg") - truth).max() < 8


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif", ".ico", ".avif", ".jp2", ".tga"])
def test_what_is_clear_is_white_in_every_format(tmp_path, suffix):
    """One rule for all: the colour of a clear pixel does not matter, only the paper behind it."""
    pixels = np.zeros((16, 16, 4), "uint8")
    pixels[:, 8:] = 0, 0, 255, 255
    Image.fromarray(pixels, "RGBA").save(tmp_path / f"a{suffix}")
    seen = read(tmp_path / f"a{suffix}")
    assert (
        np.abs(seen[2:-2, 1:6] - 255).max() < 8 and np.abs(seen[2:-2, 10:] - [0, 0, 255]).max() < 8
    )


# Colour profiles

P3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])


def profile(primaries, gamma, name):
    """An ICC profile of version 2: columns of XYZ under D50, and one power for each channel."""

    def fixed(values):
        return struct.pack(f">{len(values)}l", *(round(value * 65536) for value in values))

    described = b"desc" + bytes(4) + struct.pack(">L", len(name) + 1) + name + bytes(1 + 78)
    curve = b"curv" + bytes(4) + struct.pack(">LH", 1, round(gamma * 256))
    parts = {b"desc": described, b"cprt": b"text" + bytes(4) + b"none\0"}
    parts[b"wtpt"] = b"XYZ " + bytes(4) + fixed([0.9642, 1, 0.8249])
    for letter, column in zip(b"rgb", primaries.T, strict=True):
        parts[bytes([letter]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(column)
        parts[bytes([letter]) + b"TRC"] = curve
    table, data = struct.pack(">L", len(parts)), b""
    for tag, content in parts.items():
        table += tag + struct.pack(">2L", 128 + 4 + 12 * len(parts) + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    size = struct.pack(">L", 128 + len(table) + len(data))
    head = size + bytes(4) + struct.pack(">L", 0x02100000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    return (head + bytes(28) + fixed([0.9642, 1, 0.8249])).ljust(128, b"\0") + table + data


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_with_a_profile_become_srgb(tmp_path, mode, suffix):
    """By the matrices of both, that of sRGB is in `to_srgb`."""
    random = np.random.default_rng(0)
    colours = random.integers(60, 200, (40, 3), dtype="uint8")  # inside of sRGB, too
    stored = colours[random.integers(0, 40, (HEIGHT, WIDTH))]
    image = (
        Image.fromarray(stored).quantize(64)
        if mode == "P"
        else Image.fromarray(stored).convert(mode)
    )
    more = {"icc_profile": profile(P3, 2.2, b"Wide"), "lossless": True}
    image.save(tmp_path / f"a{suffix}", **more)
    truth = to_srgb((stored / 255) ** 2.2 @ P3.T) * 255
    assert np.abs(truth - stored).max() > 10
    assert np.abs(read(tmp_path / f"a{suffix}") - truth).max() < 2.5


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["kept", "streamed"])
def test_grey_with_a_profile_that_tints_it_stays_grey(tmp_path, memory, monkeypatch):
    """Pillow applies the profile to grey with alpha, as it has to become RGBA."""
    monkeypatch.setattr(folder_module, "MEMORY", memory)
    tinted = profile(P3 * [1, 0.8, 0.6], 2.2, b"Tinted")
    for seed in range(4):
        image = Image.fromarray(some(8, 2, seed).astype("uint8"), "LA")
        image.save(tmp_path / f"{seed}.png", icc_profile=tinted)
    assert np.ptp(read(tmp_path / "0.png"), axis=-1).max() > 10
    for part in read_folder(tmp_path, HEIGHT)[0]:
        pixels = part.fetch(np.arange(len(part.paths))) if part.pixels is None else part.pixels
        truth = [decode_image(path, (HEIGHT, HEIGHT, 1)) for path in part.paths]
        assert np.array_equal(pixels, truth)


@pytest.mark.parametrize("content", [b"", b"garbage", profile(P3, 2.2, b"Wide")[:300]])
def test_a_good_image_with_a_damaged_profile_is_read_as_it_is(tmp_path, content):
    stored = some(8, 3).astype("uint8")
    Image.fromarray(stored).save(tmp_path / "a.png", icc_profile=content)
    assert np.array_equal(read(tmp_path / "a.png"), stored)
    inks = Image.fromarray(some(8, 4).astype("uint8"), "CMYK")
    inks.save(tmp_path / "a.tif")
    inks.save(tmp_path / "b.tif", icc_profile=profile(P3, 2.2, b"Wide"))  # of other colours
    assert np.array_equal(read(tmp_path / "a.tif"), read(tmp_path / "b.tif"))


def test_the_profile_of_srgb_changes_nothing(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored = some(8, 3).astype("uint8")
    Image.fromarray(stored).save(tmp_path / "a.png", icc_profile=srgb)
    assert np.array_equal(read(tmp_path / "a.png"), stored)


# Orientation

UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_images_are_upright_in_every_format(tmp_path, orientation):
    stored = some(8, 3).astype("uint8").repeat(8, 0).repeat(8, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for suffix, options in {
        ".png": {},
        ".webp": {"lossless": True},
        ".jpg": {"quality": 95},
    }.items():
        Image.fromarray(stored).save(tmp_path / f"a{suffix}", exif=exif, **options)
    (tmp_path / "a.tif").write_bytes(tiff(stored, 8, RGB, _274=[orientation]))
    grey = stored[..., :1].astype(int)
    (tmp_path / "grey.tif").write_bytes(tiff(grey, 8, BLACK_IS_ZERO, _274=[orientation]))
    (tmp_path / "deep.tif").write_bytes(tiff(grey * 257, 16, BLACK_IS_ZERO, _274=[orientation]))
    truth = UPRIGHT[orientation](stored)
    for path in tmp_path.iterdir():
        wanted = truth if path.stem == "a" else truth[..., :1]
        error = np.abs(read(path) - wanted)
        assert error.max() == 0 or (path.suffix == ".jpg" and error.mean() < 12), path


def test_a_png_is_turned_by_its_xmp(tmp_path):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    stored = some(8, 3)
    text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    (tmp_path / "a.png").write_bytes(png(stored, 8, RGB, [text]))
    assert np.array_equal(read(tmp_path / "a.png"), UPRIGHT[6](stored))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08"]
)
def test_a_good_image_with_damaged_exif_is_read_as_it_is(tmp_path, exif):
    stored = some(8, 3).astype("uint8")
    for suffix in (".png", ".webp", ".jpg"):
        Image.fromarray(stored).save(tmp_path / f"a{suffix}", exif=exif, lossless=True, quality=95)
        assert read(tmp_path / f"a{suffix}").shape == stored.shape


# More bits than eight


def camera(folder, most, count=20, kind="tif", dtype="uint16"):
    """Images whose brightest value is `most` in one of them only."""
    folder.mkdir(exist_ok=True)
    scenes = {}
    for number in range(count):
        scene = np.random.default_rng(number).integers(0, most // 2, (8, 8))
        if number == 7:
            scene[3, 3] = most
        Image.fromarray(scene.astype(dtype)).save(folder / f"c{number:02}.{kind}")
        scenes[f"c{number:02}.{kind}"] = scene
    return scenes


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["kept", "streamed"])
@pytest.mark.parametrize("kind", ["tif", "png", "pgm", "jp2"])
@pytest.mark.parametrize(
    ("most", "white"),
    [(4095, 4095), (2100, 4095), (1000, 1023), (16000, 16383), (250, 255), (65000, 65535)],
)
def test_sixteen_bits_are_scaled_by_those_in_use_in_the_folder(
    tmp_path, most, white, kind, memory, monkeypatch
):
    """One scale for all images: what is twice as bright in one of them stays so."""
    monkeypatch.setattr(folder_module, "MEMORY", memory)
    scenes = camera(tmp_path / "camera", most, kind=kind)
    parts = read_folder(tmp_path / "camera", 8)[0]
    for part in parts:
        assert (part.pixels is None) == (memory == 0)
        pixels = part.fetch(np.arange(len(part.paths))).numpy()
        for path, seen in zip(part.paths, pixels, strict=True):
            assert np.abs(seen[..., 0] - scenes[path.name] * 255 / white).max() <= 0.5
    assert parts[0].summary.white == white
    line = f"with 16 bits of grey: 20; the largest value is {most}, so {white} becomes white"
    assert line in parts[0].summary.lines()


def test_a_transparent_value_and_white_at_zero_in_twelve_bits(tmp_path):
    samples = some(12, 1)
    samples[1, 1] = samples[2, 2] = 77
    clear = png(samples, 16, GREY, [png_chunk(b"tRNS", struct.pack(">H", 77))])
    (tmp_path / "clear.png").write_bytes(clear)
    (tmp_path / "negative.tif").write_bytes(tiff(samples, 16, WHITE_IS_ZERO))
    white = read_folder(tmp_path, 8)[0][0].summary.white
    assert white == 4095
    seen = {path.name: np.asarray(decode(path, white)) for path in tmp_path.iterdir()}
    levels = np.rint(samples[..., 0] * 255 / 4095)
    assert np.array_equal(seen["clear.png"], np.where(samples[..., 0] == 77, 255, levels))
    assert np.array_equal(seen["negative.tif"], 255 - levels)


# Text in a PNG


def long_texts():
    words = b"word " * 300_000
    text = png_chunk(b"zTXt", b"prompt\0\0" + zlib.compress(words))
    return {
        "iTXt": [png_chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(words))],
        "zTXt": [text],
        "many": [text] * 90,  # each too long, and together more than 64 MiB
        "tEXt": [png_chunk(b"tEXt", b"prompt\0" + words)],
        "damaged": [
            png_chunk(b"zTXt", b"prompt\0\0no zlib"),
            png_chunk(b"tEXt", b"a\0b", checksum=1),
        ],
        "XMP": [png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(words))],
        "history": [png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + words)],
        "workflow": [png_chunk(b"tEXt", b"workflow\0" + b"x" * 2_000_000)] * 3,
    }


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", long_texts())
def test_a_good_png_with_much_text_is_read(tmp_path, name, place):
    for seed in range(4):
        content = png(some(8, 3, seed), 8, RGB, **{place: long_texts()[name]})
        (tmp_path / f"{seed}.png").write_bytes(content)
    tracemalloc.start()
    try:
        parts = read_folder(tmp_path, 8)[0]
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert sum(len(part.paths) for part in parts) == 4
    assert np.array_equal(read(tmp_path / "2.png"), some(8, 3, 2))


def test_a_png_whose_pixels_are_damaged_is_refused_even_if_they_decode(tmp_path):
    content = png(some(8, 3), 8, RGB)
    for wrong in (
        content[:-30],
        content[:-12],
        content.replace(b"IDAT", b"IDAT", 1)[:-20] + b"x" * 20,
    ):
        (tmp_path / "a.png").write_bytes(wrong)
        with pytest.raises(UserError, match=r"a\.png"):
            decode_image(tmp_path / "a.png", (8, 8, 3))
    place = content.index(b"IDAT")
    length = struct.unpack(">I", content[place - 4 : place])[0]
    pixels = zlib.compress(b"".join(b"\0" + row for row in packed(255 - some(8, 3), 8)))
    wrong = content[: place + 4] + pixels + content[place + 4 + length :]
    (tmp_path / "a.png").write_bytes(
        struct.pack(">I", len(pixels)).join([wrong[: place - 4], wrong[place:]])
    )
    with pytest.raises(UserError, match="checksum"):
        decode_image(tmp_path / "a.png", (8, 8, 3))


# Frames and pages


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff", "avif"])
def test_the_first_frame_or_page_is_the_image(tmp_path, kind):
    """It is told how many files have more."""
    grey = [np.full((16, 16, 3), level, "uint8") for level in (40, 140, 240)]
    frames = [Image.fromarray(each) for each in grey]
    options = {"lossless": True} if kind == "webp" else {}
    frames[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:], **options)
    assert np.abs(read(tmp_path / f"a.{kind}") - 40).max() < 3
    frames[2].save(tmp_path / "b.png")
    found = read_folder(tmp_path, 8)[0][0].summary
    assert len(found.paths) == 2 and found.frames == 1
    assert "with more frames or pages, of which the first is used: 1" in found.lines()


def test_previews_in_a_photograph_are_no_further_frames(tmp_path):
    """A telephone puts smaller images behind a JPEG."""
    frames = [Image.fromarray(some(8, 3, seed).astype("uint8")) for seed in range(2)]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    frames[1].save(tmp_path / "b.png")
    assert read_folder(tmp_path, 8)[0][0].summary.frames == 0
