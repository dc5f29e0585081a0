"""Image files of any format, mode and depth as 8-bit pixels: grey or RGB, upright, over white."""

import functools
import io
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from genai_keras.data.arrays import reason_of
from genai_keras.errors import UserError

# All that Pillow decodes by itself and knows by its first bytes. For some others it runs external
# programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "QOI", "ICO",
           "PSD", "DDS")  # fmt: skip
# Their first bytes may begin anything, so the name has to agree.
NAMED_FORMATS = {".tga": "TGA", ".pcx": "PCX", ".sgi": "SGI", ".rgb": "SGI", ".bw": "SGI"}
MOST_PIXELS = 64_000_000  # a small file may claim billions, which would fill the memory
WHITE = 65535  # of 16 bits
# What EXIF calls the orientation, and what has to be done to the stored image.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION, PHOTOMETRIC = 0x0112, 262  # tags of EXIF and of TIFF
PNG = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MEANT = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")  # texts that may turn the image

# Each image is either read or reported with its problem; warnings of Pillow do not name the file.
warnings.filterwarnings("ignore", module=r"PIL\.")


class TooLarge(ValueError):
    """An image with more pixels than are allowed."""


def decode_image(path, shape, white=WHITE):
    """Decodes one image to `(height, width, channels)` uint8, to cover the shape, cropped.

    Args:
        path: of the file.
        shape: height, width and channels, 1 or 3.
        white: the value of white in an image with 16 bits of grey.

    Raises:
        UserError: the file cannot be read.
    """
    height, width, channels = shape
    try:
        image = decode(path, white)
        image = fitted(image.convert("L" if channels == 1 else "RGB"), (width, height))
    except Exception as error:  # Pillow raises errors of many types
        raise unreadable(path, reason_of(error)) from None
    return np.asarray(image).reshape(shape)


def decode(path, white=WHITE):
    """A whole file as a Pillow image of mode "L" or "RGB"; see `standardize`."""
    with open_image(path, whole=True) as image:
        return standardize(image, white)


def fitted(image, size):
    """The image scaled to cover `(width, height)`, and cropped at its centre."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def open_image(path, whole=False):
    """`Image.open` for all formats that are read, with less trust and more patience.

    Texts in a PNG are left out, however long they are.

    Args:
        path: of the file.
        whole: whether to check a whole PNG, with its checksums, and not only its beginning.

    Raises:
        TooLarge: it has too many pixels.
        Exception: errors of many types, if it is no image or damaged.
    """
    if not (whole and _is_png(path)):
        try:
            return _open(path, path)
        except Exception as error:  # of long or damaged texts, among other things
            if isinstance(error, TooLarge) or not _is_png(path):
                raise
    return _open(_checked_png(path.read_bytes()), path)


def _open(file, path):
    try:
        image = Image.open(file, formats=_formats(NAMED_FORMATS.get(path.suffix.lower())))
    except Image.DecompressionBombError as error:
        raise TooLarge(str(error)) from None
    except UnidentifiedImageError:
        raise UnidentifiedImageError("Pillow cannot identify it as an image") from None
    image.filename = ""  # or else Pillow maps some TIFFs to memory, and mixes up their rows
    width, height = image.size
    if width * height > MOST_PIXELS:
        image.close()
        raise TooLarge(f"it has {width} x {height} pixels, but at most {MOST_PIXELS:,} are allowed")
    return image


@functools.cache
def _formats(also):
    Image.init()
    return [each for each in (*FORMATS, also) if each in Image.OPEN]  # Pillow 11.0 has no AVIF


def is_named_as_image(path):
    """Whether the suffix of a file is one of an image that can be read."""
    suffix = path.suffix.lower()
    return suffix in NAMED_FORMATS or Image.registered_extensions().get(suffix) in FORMATS


def _is_png(path):
    with open(path, "rb") as file:
        return file.read(len(PNG)) == PNG


def _checked_png(data):
    """A PNG whose checksums are right, as a file in memory without its texts."""
    kept, start = [PNG], len(PNG)
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        kind, end = data[start + 4 : start + 8], start + 12 + length
        content = data[start + 4 : end - 4]
        if end > len(data):
            break
        if kind not in TEXTS or content[4:].startswith(MEANT):
            if zlib.crc32(content).to_bytes(4, "big") != data[end - 4 : end]:
                raise ValueError(f"the checksum of its part {kind!r} is wrong")
            kept.append(data[start:end])
        if kind == b"IEND":
            return io.BytesIO(b"".join(kept))
        start = end
    raise ValueError("it is truncated")


def is_deep(image):
    """Whether an opened image has 16 bits of grey; Pillow has only 8 bits of colour."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")


def largest_value(path):
    """The largest value of an image with 16 bits of grey."""
    with open_image(path) as image:
        return int(np.asarray(image).max())


def standardize(image, white=WHITE):
    """An opened image in 8 bits, upright, over white, in mode "L" or "RGB".

    Values of 16 bits are multiplied by 255 / `white`, integers of 32 bits must be 0 to 255, floats
    0 to 1. TIFFs in which 0 means white are inverted. Colours that are no RGB become RGB, by
    Pillow's rules. Transparency is blended with white.

    Raises:
        ValueError: values are out of range; other errors if the file is damaged.
    """
    coding = image.tile[0].args if image.tile else None  # "L;4" for a PNG of four bits
    image.load()
    turn = TURNS.get(_orientation(image))
    if image.mode[0] in "IF":
        image = _in_eight_bits(image, white)
    else:
        if "transparency" in image.info:
            _mend_transparency(image, coding)
        if image.mode == "La":
            image = image.convert("LA")
        if image.has_transparency_data:
            image = image.convert("RGBA")
            paper = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(paper, image)
        if image.mode != "L":
            image = image.convert("L" if image.mode == "1" else "RGB")
    return image if turn is None else image.transpose(turn)


def _orientation(image):
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # of many types: the image is good, only what is said about it is not
        return None


def _mend_transparency(image, coding):
    """Makes the transparent value of a PNG one of the 8 bits to which Pillow scaled its pixels."""
    value = image.info["transparency"]
    if coding == "RGB;16B":
        value = tuple(each >> 8 for each in value)
    elif image.mode == "L" and coding in ("L;2", "L;4"):
        value = value * 255 // (2 ** int(coding[2]) - 1)
    if image.mode in ("L", "RGB") and np.max(value) > 255:
        del image.info["transparency"]  # no pixel has it
    else:
        image.info["transparency"] = value


def _in_eight_bits(image, white):
    """A grey image of more bits, where Pillow would clip it, as one of mode "L"."""
    values = np.asarray(image)
    if is_deep(image):
        table = np.rint(np.minimum(np.arange(WHITE + 1) * (255 / white), 255)).astype("uint8")
        levels = table[values]
    else:
        most, kind = (1, "floats") if image.mode == "F" else (255, "integers of this type")
        good = (values >= 0) & (values <= most)
        if not good.all():
            bad = values.flat[np.argmin(good)]
            raise ValueError(f"it contains {bad}, but {kind} must be 0 to {most}")
        levels = np.rint(values * (255 / most)).astype("uint8")
    if image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == 0:
        levels = 255 - levels  # Pillow does it only for up to 8 bits
    if "transparency" in image.info:
        levels[values == image.info["transparency"]] = 255
    return Image.fromarray(levels)


def shown(path):
    """A path as text in which a line break or a byte that is no character is visible."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(path)
    )


def unreadable(path, reason):
    """The `UserError` for a file that is named like an image or begins like one."""
    return UserError(f"{shown(path)} cannot be read as an image ({reason}): repair or remove it")
