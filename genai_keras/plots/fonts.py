"""Fonts that have the characters of a text."""

import functools

from PIL import ImageFont

from genai_keras.backend import import_matplotlib

CJK_FONTS = (
    "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC",
    "Heiti TC", "Microsoft YaHei", "SimHei",
)  # fmt: skip


@functools.cache
def fonts():
    """The default font of Matplotlib, then any installed font with Chinese characters."""
    import_matplotlib()
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(font for font in CJK_FONTS if font in installed)]


@functools.cache
def known_characters(*names):
    """The code points that one of the fonts can draw; all `fonts()` without names."""
    names = names or fonts()
    from matplotlib import font_manager

    files = map(font_manager.findfont, names)
    return set().union(*(font_manager.get_font(file).get_charmap() for file in files))


def escaped(text, known):
    """A text in which the characters that are not known stand as in `\\u4f60`."""
    return "".join(each if ord(each) in known else ascii(each)[1:-1] for each in text)


def written(text, size, width=None):
    """A text as it can be drawn, and the font of Pillow to draw it with.

    Args:
        text: one line. Characters are escaped if no font has all of them.
        size: height of the letters in pixels.
        width: pixels to which the text is cut; None for any.

    Returns:
        The text and the font.
    """
    if text.isascii():
        font = ImageFont.load_default(size)
    else:
        able = (name for name in fonts() if known_characters(name).issuperset(map(ord, text)))
        name = next(able, fonts()[0])
        text, font = escaped(text, known_characters(name)), _font(name, size - 2)
    whole = text
    while width is not None and text and font.getlength(text) > width:
        whole = whole[:-1]
        text = f"{whole}..." if whole else ""
    return text, font


@functools.cache
def _font(name, size):
    from matplotlib import font_manager

    return ImageFont.truetype(font_manager.findfont(name), size)
