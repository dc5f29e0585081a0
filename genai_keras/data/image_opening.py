"""Opening image files that nobody vouches for: which formats, how large, how damaged."""

import contextlib
import functools
import io
import os
import warnings
import zlib

from PIL import Image, UnidentifiedImageError

from genai_keras.errors import UserError

# Those that Pillow knows by their first bytes and decodes by itself, in little memory if they are
# damaged. For some others it runs external programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "QOI", "ICO",
           "DDS")  # fmt: skip
# Their first bytes may begin anything, so the name has to agree.
NAMED_FORMATS = {".tga": "TGA", ".pcx": "PCX", ".sgi": "SGI", ".rgb": "SGI", ".bw": "SGI"}
MOST_PIXELS = 64_000_000  # a small file may claim billions, which would fill the memory
PNG = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Texts that may turn the image; the first has a second zero if it is not compressed.
TURNING = (b"XML:com.adobe.xmp\0\0", b"Raw profile type exif\0")
MOST_TEXT = 1 << 16  # bytes of such a text

# Each image is either read or reported with its problem; warnings of Pillow do not name the file.
warnings.filterwarnings("ignore", module=r"PIL\.")


class TooLarge(ValueError):
    """An image with more pixels than are allowed."""


@contextlib.contextmanager
def open_image(path, whole=False):
    """`Image.open` as a context for all formats that are read, with less trust and more patience.

    Texts in a PNG are left out, however long they are.

    Args:
        path: of the file.
        whole: whether to check a whole PNG, with its checksums, and not only its beginning.

    Raises:
        TooLarge: it has too many pixels.
        Exception: errors of many types, if it is no image or damaged.
    """
    with _BoundedFile(path) as file:
        is_png = file.read(len(PNG)) == PNG
        file.seek(0)
        try:
            image = _open(_checked_png(file) if is_png and whole else file, path)
        except Exception as error:  # of long or damaged texts, among other things
            if whole or not is_png or isinstance(error, TooLarge):
                raise
            file.seek(0)
            image = _open(_checked_png(file), path)
        with image:
            yield image


class _BoundedFile(io.BufferedReader):
    """A file that is asked for more than it has takes no more memory than it has."""

    def __init__(self, path):
        super().__init__(io.FileIO(path))
        self.length = os.fstat(self.fileno()).st_size

    def read(self, size=-1):
        return super().read(size if size is None else min(size, self.length))


def _open(file, path):
    try:
        # From its path, Pillow would map some TIFFs to memory and mix up the rows if they turn.
        image = Image.open(file, formats=_formats(NAMED_FORMATS.get(path.suffix.lower())))
    except Image.DecompressionBombError as error:
        raise TooLarge(str(error)) from None
    except UnidentifiedImageError:
        raise UnidentifiedImageError("Pillow cannot identify it as an image") from None
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


def _checked_png(file):
    """A PNG whose checksums are right, as a file in memory without its texts."""
    return io.BytesIO(b"".join([PNG, *(part for _, part in png_parts(file.read()))]))


def png_parts(data):
    """Yields the parts of a PNG, given as bytes, without texts: `(kind, bytes of the part)`.

    Raises:
        ValueError: a checksum is wrong, or the PNG is truncated.
    """
    start = len(PNG)
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        kind, end = data[start + 4 : start + 8], start + 12 + length
        if end > len(data):
            break
        content = data[start + 4 : end - 4]
        turns = kind in TEXTS and content[4:].startswith(TURNING) and length <= MOST_TEXT
        if turns or kind not in TEXTS:
            if zlib.crc32(content).to_bytes(4, "big") != data[end - 4 : end]:
                raise ValueError(f"the checksum of its part {kind!r} is wrong")
            yield kind, data[start:end]
        if kind == b"IEND":
            return
        start = end
    raise ValueError("it is truncated")


def unreadable(path, reason):
    """The `UserError` for a file that is named like an image or begins like one."""
    return UserError(f"{path} cannot be read as an image ({reason}): repair or remove it")
