"""Attention weights as images."""

import functools
import io
import warnings

import numpy as np
from PIL import Image

MOST_LABELS = 40  # on an axis; more would be unreadable
CJK_FONTS = (
    "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC",
    "Heiti TC", "Microsoft YaHei", "SimHei",
)  # fmt: skip


def attention_image(maps, queries, keys, doing):
    """Draws attention weights, blocks from top to bottom and heads from left to right.

    Args:
        maps: `(blocks, heads, query, key)` in [0, 1]; parts without labels are left out.
        queries: a label for each query.
        keys: a label for each key.
        doing: label of the query axis.

    Returns:
        `(height, width, 3)` uint8.
    """
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    blocks, heads = maps.shape[:2]
    maps = maps[:, :, : len(queries), : len(keys)]
    figure = Figure(figsize=(3.0 * heads, 3.2 * blocks), dpi=80, layout="constrained")
    for (block, head), axes in np.ndenumerate(figure.subplots(blocks, heads, squeeze=False)):
        axes.imshow(maps[block, head], cmap="magma", vmin=0.0, vmax=1.0, aspect="auto")
        axes.set_title(f"block {block + 1}, head {head + 1}", fontsize=9)
        for axis, labels in ((axes.xaxis, keys), (axes.yaxis, queries)):
            if len(labels) <= MOST_LABELS:
                axis.set_ticks(range(len(labels)), labels, fontsize=7, fontfamily=fonts())
        if head == 0:
            axes.set_ylabel(doing)
        if block == blocks - 1:
            axes.set_xlabel("looking at")
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # drawn as a box
        figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


@functools.cache
def fonts():
    """The default font of Matplotlib, then any installed font with Chinese characters."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(font for font in CJK_FONTS if font in installed)]
