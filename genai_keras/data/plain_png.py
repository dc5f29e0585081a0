"""Small PNGs of 8 bits of grey or RGB, as most data sets have them, by a short way.

Pillow takes several times longer to open such a file than to decode it. So its parts are read here,
and only the pixels are left to Pillow. Whatever is unusual in a file leaves it to `open_image`.
"""

import struct
from typing import NamedTuple

from PIL import Image

from genai_keras.data.image_opening import MOST_PIXELS, PNG, png_parts

LARGEST = 1 << 16  # bytes of a file; decoding a larger one takes longer than opening it
HEADER = struct.Struct(">2I5B")
MODES = {  # by depth, type of colour, compression, filter and interlacing
    (8, 0, 0, 0, 0): "L",
    (8, 2, 0, 0, 0): "RGB",
}
# Lengths of the parts that change no pixel: neither here nor where Pillow opens the file.
HARMLESS = {b"gAMA": (4,), b"cHRM": (32,), b"sRGB": (1,), b"pHYs": (9,), b"tIME": (7,),
            b"bKGD": (2, 6)}  # fmt: skip


class PlainPNG(NamedTuple):
    """A PNG whose checksums are right: mode of Pillow, `(width, height)`, compressed pixels."""

    mode: str
    size: tuple[int, int]
    compressed: bytes

    def decode(self):
        """The Pillow image, or None if its pixels are damaged."""
        try:
            return Image.frombytes(self.mode, self.size, self.compressed, "zip", self.mode)
        except Exception:  # of many types
            return None


def read_plain_png(path):
    """The `PlainPNG` in a file, or None if the file is anything else, damaged or missing."""
    try:
        with open(path, "rb", buffering=0) as file:
            if file.read(len(PNG)) == PNG:
                return _parse(PNG + file.read(LARGEST))
    except (OSError, ValueError):  # it is left to `open_image`, which says what is wrong
        pass
    return None


def _parse(data):
    (first, header), *others = png_parts(data)
    pixels, before = b"", first
    for kind, part in others:
        if kind == b"IDAT":
            if pixels and before != kind:
                return None
            pixels += part[8:-4]
        elif kind != b"IEND" and len(part) - 12 not in HARMLESS.get(kind, ()):
            return None
        before = kind
    if first != b"IHDR" or len(header) - 12 != HEADER.size or not pixels:
        return None
    width, height, *coding = HEADER.unpack(header[8:-4])
    mode = MODES.get(tuple(coding))
    if mode and 0 < width * height <= MOST_PIXELS:
        return PlainPNG(mode, (width, height), pixels)
    return None
