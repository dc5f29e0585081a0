"""A folder of images, packed: read, checked, scaled and divided once, for any number of runs.

A pack has the images of `read_folder` as `.npy` files, from which a batch reads its own images
several times faster than it decodes files. `pack.json` says how it was made.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genai_keras.data.folder import each_image, read_folder
from genai_keras.data.image_decoding import decode_image
from genai_keras.data.stored import StoredArray, StoredImages, StoredPart
from genai_keras.errors import UserError, one_line
from genai_keras.files import whole_file, whole_folder, write_text

FACTS = "pack.json"
FORMAT = 1  # raised when an older version cannot use what a newer one wrote
PARTS = ("train", "test")


@dataclass(frozen=True)
class PackSummary:
    """What was read of a pack.

    Args:
        folder: the pack.
        read: what was read of the folder that was packed, as lines.
        empty: names of its subfolders that had no images.
    """

    folder: Path
    read: tuple[str, ...]
    empty: tuple[str, ...]

    def lines(self):
        """What was read, as lines to print."""
        return [*self.read, f"packed in {self.folder}"]

    def empty_folders(self):
        """Names of the subfolders without images, which would be classes."""
        return list(self.empty)


def is_pack(folder):
    """Whether a folder, or None, is a pack."""
    if folder is None or not (Path(folder) / FACTS).is_file():
        return False
    # A folder of images may have a file of that name, too.
    return any((Path(folder) / f"x_{part}.npy").exists() for part in PARTS)


def pack_folder(folder, out, image_size, channels=None, limit=None, labels_of=None, by_file=False):
    """Writes a folder of images to a pack, completely or not at all.

    Args:
        folder, image_size, channels, limit, labels_of: as `read_folder` takes them.
        out: path of the pack, which is new or an empty folder.
        by_file: whether labels are not the names of subfolders.

    Returns:
        What was read, as lines to print.

    Raises:
        UserError: the images cannot be used, or a file cannot be read any more.
    """
    parts, labels, names = read_folder(folder, image_size, channels, limit, labels_of)
    summary = parts[0].summary
    facts = {
        "format": FORMAT,
        "image_size": image_size,
        "channels": parts[0].shape[-1],
        "limit": limit,
        "conditional": labels_of is not None,
        "class_names": names,
        "read": summary.lines(),
        "empty": summary.empty_folders() if labels_of and not by_file else (),
    }
    with whole_folder(out) as made:
        for name, part, part_labels in zip(PARTS, parts, labels, strict=True):
            _write_images(made / f"x_{name}.npy", part)
            if part_labels is not None:
                np.save(made / f"y_{name}.npy", part_labels)
        write_text(made / FACTS, json.dumps(facts, indent=2) + "\n")
    counts = " and ".join(f"{len(part):,}" for part in parts)
    size = " x ".join(map(str, parts[0].shape))
    return [*facts["read"], f"packed: {counts} images of {size}, for training and for validation"]


def _write_images(path, part):
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(part), *part.shape)}
    images, broken = part.pixels, {}
    if images is None:
        white = part.summary.white
        images = each_image(
            lambda path: decode_image(path, part.shape, white), part.paths, part.summary, broken
        )
    with whole_file(path) as unfinished, open(unfinished, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for image in images:
            file.write(image)
    part.summary.check_broken(sorted(broken.items()))


def read_pack(folder, image_size=None, channels=None, limit=None, conditional=False):
    """Opens a pack that was made with the same arguments; None stands for those of the pack.

    Returns:
        `((training, validation), labels, names)` as from `read_folder`, with `StoredPart`s.

    Raises:
        UserError: the pack was made with other arguments, or it is damaged.
    """
    folder = Path(folder)
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts["format"] > FORMAT:
            raise ValueError(f"it has format {facts['format']}, of a newer version")
        _check_settings(folder, facts, image_size, channels, limit, conditional)
        summary = PackSummary(folder, tuple(facts["read"]), tuple(facts["empty"]))
        arrays = [StoredArray(folder / f"x_{name}.npy") for name in PARTS]
        images = [StoredImages(array.path.name, array) for array in arrays]
        labels = [None, None]
        if conditional:
            labels = [StoredArray(folder / f"y_{name}.npy")[:] for name in PARTS]
            lengths = [len(each) for each in labels]
            if lengths != [len(each) for each in images]:
                raise ValueError(f"it has {lengths} labels")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{folder} is damaged ({one_line(error)}): delete it, and pack the images again"
        ) from None
    parts = tuple(StoredPart(each, each.shape[1:], summary=summary) for each in images)
    return parts, labels, tuple(facts["class_names"])


def _check_settings(folder, facts, image_size, channels, limit, conditional):
    asked = {"image_size": image_size, "channels": channels, "limit": limit}
    for name, value in asked.items():
        if value not in (None, facts[name]):
            found = "all images" if facts[name] is None else f"`{name}={facts[name]}`"
            raise UserError(
                f"{folder} was packed with {found}, not `{name}={value}`: leave that out, or pack "
                "the images again"
            )
    if conditional != facts["conditional"]:
        raise UserError(
            f"{folder} was packed {'without' if conditional else 'with'} `conditional`, on which "
            f"the division depends: train {'without' if conditional else 'with'} it, too, or pack "
            "the images again"
        )
