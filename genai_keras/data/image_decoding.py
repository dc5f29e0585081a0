"""Image files of any format, mode and depth as 8-bit pixels: grey or RGB, upright, over white."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms, ImageOps

from genai_keras.data.image_opening import open_image, unreadable
from genai_keras.data.plain_png import read_plain_png
from genai_keras.errors import one_line

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
ORIENTATION, PHOTOMETRIC, SAMPLE_FORMAT = 274, 262, 339  # tags of EXIF and of TIFF
SIGNED = 2  # as a sample format


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
        mode = "L" if channels == 1 else "RGB"
        image = fitted(image if image.mode == mode else image.convert(mode), (width, height))
    except Exception as error:  # Pillow raises errors of many types
        raise unreadable(path, one_line(error)) from None
    return np.asarray(image).reshape(shape)


def decode(path, white=WHITE):
    """A whole file as a Pillow image of mode "L" or "RGB"; see `standardize`."""
    plain = read_plain_png(path)
    image = plain.decode() if plain else None
    if image is not None:
        return image
    with open_image(path, whole=True) as image:
        return standardize(image, white)


def fitted(image, size):
    """The image scaled to cover `(width, height)`, and cropped at its centre."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


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
    0 to 1. TIFFs in which 0 means white are inverted. Colours become sRGB, by their ICC profile if
    they have a sound one. Transparency is blended with white.

    Raises:
        ValueError: values are out of range; other errors if the file is damaged.
    """
    coding = image.tile[0][3] if image.tile else None  # "L;4" for a PNG of four bits
    image.load()
    turn, profile = TURNS.get(_orientation(image)), image.info.get("icc_profile")
    if (
        image.format == "TIFF"
        and image.mode == "L"
        and SIGNED in image.tag_v2.get(SAMPLE_FORMAT, ())
    ):
        raise ValueError("it has signed integers of 8 bits: save it with unsigned ones")
    if image.mode[0] in "IF":
        image = _in_eight_bits(image, white)
    else:
        if "transparency" in image.info:
            _mend_transparency(image, coding)
        if image.mode == "La":
            image = image.convert("LA")
        if image.has_transparency_data:
            image = _in_srgb(image.convert("RGBA"), profile)
            paper = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(paper, image)
        else:
            image = _in_srgb(image.convert("RGB") if image.mode == "P" else image, profile)
        if image.mode != "L":
            image = image.convert("L" if image.mode == "1" else "RGB")
    return image if turn is None else image.transpose(turn)


def _orientation(image):
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # of many types: the image is good, only what is said about it is not
        return None


def _in_srgb(image, profile):
    transform = _to_srgb(profile, image.mode) if profile else None
    return image if transform is None else ImageCms.applyTransform(image, transform)


@functools.lru_cache(8)
def _to_srgb(profile, mode):
    """The transform of a colour profile, as bytes; None if there is nothing to do."""
    if mode not in ("RGB", "RGBA", "CMYK"):
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, srgb, mode, "RGB" if mode == "CMYK" else mode)
    except Exception:  # of many types: the image is good, only its profile is not
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


@functools.cache
def _levels(white):
    """The 8 bits for each value of 16, `(65536,)` uint8."""
    return np.rint(np.minimum(np.arange(WHITE + 1) * (255 / white), 255)).astype("uint8")


def _in_eight_bits(image, white):
    """A grey image of more bits, where Pillow would clip it, as one of mode "L"."""
    values = np.asarray(image)
    if is_deep(image):
        levels = _levels(white)[values]
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
