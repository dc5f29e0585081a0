"""What was read of a folder of images, and what was not, by kind."""

import codecs
import functools
import mimetypes
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from genai_keras.data.image_opening import TooLarge, is_named_as_image, unreadable
from genai_keras.data.paths import Paths
from genai_keras.errors import UserError

# Many of these are TIFFs, from which Pillow would read a thumbnail.
RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".srw .x3f"
)
# Kind, its suffixes, how its files begin (offset and bytes), and what to do with them.
KINDS = (
    ("camera raw", RAW, (), "develop them to PNG first"),
    (
        "HEIC",
        ".heic .heif .hif",
        [(4, b"ftyp" + brand) for brand in (b"hei", b"hev", b"mif1", b"msf1")],
        "convert them, as with `magick mogrify -format jpg *.HEIC`",
    ),
    (
        "JPEG XL",
        ".jxl",
        [(0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL ")],
        "convert them, as with `djxl in.jxl out.png`",
    ),
    (
        "video",
        ".mov .mp4 .m4v .avi .mkv .webm .3gp .mts",
        [
            *((4, b"ftyp" + brand) for brand in (b"iso", b"mp4", b"qt", b"M4", b"3g", b"avc1")),
            *((8, b"AVI "), (0, b"\x1aE\xdf\xa3"), (0, b"\0\0\1\xba")),
        ],
        "take images from them, as with `ffmpeg -i in.mp4 -r 1 image-%05d.png`",
    ),
    ("SVG", ".svg .svgz", [(0, b"<svg")], "draw them, as with `rsvg-convert in.svg -o out.png`"),
    ("PDF", ".pdf", [(0, b"%PDF")], "convert them, as with `pdftoppm -png in.pdf page`"),
    ("PSD", ".psd .psb", [(0, b"8BPS")], "export them as PNG"),
    ("DICOM", ".dcm", [(128, b"DICM")], "convert them to PNG first"),
    ("NumPy arrays", ".npy .npz", [(0, b"\x93NUMPY")], "save each image as PNG"),
    (
        "archives",
        ".zip .tar .gz .tgz .7z .rar .xz .bz2",
        [(0, b"PK\3\4"), (0, b"\x1f\x8b"), (0, b"7z\xbc\xaf"), (0, b"Rar!"), (257, b"ustar")],
        "unpack them",
    ),
)

HINTS = {name: hint for name, _, _, hint in KINDS}
BY_SUFFIX = {suffix: name for name, suffixes, _, _ in KINDS for suffix in suffixes.split()}
NAMED = 3  # files that a message names
GREY = ("1", "L", "LA", "La")  # modes of Pillow, with all that begin with I or F


@dataclass
class FolderSummary:
    """What was read of a folder of images.

    Args:
        folder: the folder.
        paths: the images, in order.
        folders: paths of the subfolders of the first level that were looked into.
        sizes: number of images by `(width, height)`.
        modes: number of images by Pillow's name of their mode, such as "RGB".
        skipped: paths of what is not used, by kind.
        frames: number of images with more frames or pages, of which the first is used.
        unseen: paths of the files that `limit` left out, whatever they are.
        copies: number of images that equal an earlier one; None before they are decoded.
        deep: the images with 16 bits of grey.
        white: the value of white in these.
        largest: the largest value in these, or None.
    """

    folder: Path
    paths: Paths = field(default_factory=Paths)
    folders: list[Path] = field(default_factory=list)
    sizes: Counter = field(default_factory=Counter)
    modes: Counter = field(default_factory=Counter)
    skipped: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    frames: int = 0
    unseen: Paths = field(default_factory=Paths)
    copies: int | None = None
    deep: Paths = field(default_factory=Paths)
    white: int = 65535
    largest: int | None = None

    def add(self, path, size, mode, is_deep, has_frames):
        """Adds an image by its path, `(width, height)`, mode, and whether it has 16 bits of grey,
        and more than one frame."""
        self.paths.append(path)
        self.sizes[tuple(size)] += 1
        self.modes[mode] += 1
        self.frames += has_frames
        if is_deep:
            self.deep.append(path)

    @property
    def in_colour(self):
        """Whether any image is in colour, by its mode."""
        return any(mode not in GREY and mode[0] not in "IF" for mode in self.modes)

    def lines(self):
        """What was read and what was not, as lines to print, without the warnings."""
        sizes = [
            f"{count:,} of {width} x {height}"
            for (width, height), count in self.sizes.most_common(NAMED)
        ]
        if len(self.sizes) > NAMED:
            sizes.append(f"{len(self.sizes) - NAMED:,} more sizes")
        modes = ", ".join(
            f"{count:,} {'1-bit' if mode == '1' else mode}"
            for mode, count in self.modes.most_common()
        )
        lines = [f"{len(self.paths):,} images in {self.folder}: {', '.join(sizes)}; mode: {modes}"]
        if self.copies:
            lines.append(f"copies of others: {self.copies:,}")
        if self.unseen:
            lines.append(f"left out by `limit`: {len(self.unseen):,} files")
        if self.frames:
            lines.append(f"with more frames or pages, of which the first is used: {self.frames:,}")
        if self.deep:
            lines.append(
                f"with 16 bits of grey: {len(self.deep):,}; the largest value is {self.largest}, "
                f"so {self.white} becomes white"
            )
        for kind, paths in sorted(self.skipped.items(), key=lambda each: -len(each[1])):
            hint = f": {HINTS[kind]}" if kind in HINTS else ""
            lines.append(f"skipped: {len(paths):,} {kind} ({self._some(paths)}){hint}")
        return lines

    def empty_folders(self):
        """Names of the subfolders of the first level without images, as text to print.

        The folders of runs are none of them, nor is one in which `limit` left out a file.
        """
        places = [*self.paths, *self.unseen, *self.skipped.get("folders of runs", [])]
        used = {path.relative_to(self.folder).parts[0] for path in places}
        return sorted(folder.name for folder in self.folders if folder.name not in used)

    def check_broken(self, broken):
        """Raises a `UserError` if there are files that cannot be read: `(path, reason)` pairs."""
        if len(broken) == 1:
            raise unreadable(*broken[0])
        if broken:
            some = ", ".join(
                f"{path.relative_to(self.folder)} ({reason[:80]})"
                for path, reason in broken[:NAMED]
            )
            more = f" and {len(broken) - NAMED:,} more" if len(broken) > NAMED else ""
            raise UserError(
                f"{len(broken):,} files in {self.folder} cannot be read as images: "
                f"{some}{more}: repair or remove them"
            )

    def _some(self, paths):
        names = [str(path.relative_to(self.folder)) for path in paths[:NAMED]]
        return ", ".join(names) + (" ..." if len(paths) > NAMED else "")


def kind_of(path, error):
    """The kind of a file that Pillow does not open, or None if it should be an image.

    Args:
        path: of the file.
        error: what Pillow raised.
    """
    suffix, named_as_image = path.suffix.lower(), is_named_as_image(path)
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError:
        return None if named_as_image else BY_SUFFIX.get(suffix, "files that cannot be opened")
    if suffix in BY_SUFFIX and not named_as_image:
        return BY_SUFFIX[suffix]
    for name, _, beginnings, _ in KINDS:
        if any(head[offset:].startswith(bytes_) for offset, bytes_ in beginnings):
            return name
    if named_as_image or isinstance(error, TooLarge):
        return None
    kind, _ = _media_types().guess_type(f"file{suffix}")
    if kind and kind.split("/")[0] in ("audio", "font", "text", "video"):
        return kind.split("/")[0]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "text" if head and b"\0" not in head else "other files"
    except UnicodeDecodeError:
        return "other files"


@functools.cache
def _media_types():
    return mimetypes.MimeTypes(filenames=())  # without the files of this system
