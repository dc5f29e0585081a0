"""Which files under a folder are images, told by their content."""

import json
import os
from collections import deque
from pathlib import Path

import numpy as np

from genai_keras.data.folder_summary import BY_SUFFIX, FolderSummary, kind_of
from genai_keras.data.image_decoding import is_deep
from genai_keras.data.image_opening import open_image
from genai_keras.data.known_images import KnownImages
from genai_keras.data.paths import Paths
from genai_keras.data.plain_png import read_plain_png
from genai_keras.errors import UsageError, UserError, one_line

# Names that systems and programs give to their own files, in small letters; and all with a dot.
SYSTEM = {
    "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "~snapshot", "__macosx",
    "$recycle.bin", "recycler", "system volume information", "lost+found", "thumbs.db",
    "ehthumbs.db", "desktop.ini", "icon\r", "__pycache__",
}  # fmt: skip


def find_images(data_dir, limit=None, known=None):
    """Opens the files under a folder and finds the images among them, without decoding them.

    Args:
        data_dir: the folder. Its subfolders and links are followed, but not hidden and system
            folders, nor the folders of runs.
        limit: largest number of images; they are chosen by chance, always in the same way.
        known: `KnownImages`, in which files are looked up before they are opened, or None.

    Returns:
        `FolderSummary`.

    Raises:
        UserError: there is no such folder, it has fewer than two images, or it has files that are
            named like images but cannot be opened.
    """
    summary, known = FolderSummary(_check_folder(data_dir)), known or KnownImages()
    # In the order of their parts, as of `Path`s.
    texts = sorted(_walk(summary), key=lambda text: text.replace(os.sep, "\0"))
    if limit is not None:
        texts = [texts[i] for i in np.random.default_rng(0).permutation(len(texts))]
    broken = []
    for number, text in enumerate(texts):
        if len(summary.paths) == limit:
            summary.unseen = Paths(texts[number:])
            break
        path = Path(text)
        if BY_SUFFIX.get(path.suffix.lower()) == "camera raw":
            summary.skipped["camera raw"].append(path)
            continue
        stamp = known.stamp(text)
        facts = known.find(text, "file", stamp)
        if facts is None:
            try:
                facts = _facts(path)
            except Exception as error:  # of many types
                kind = kind_of(path, error)
                if kind:
                    summary.skipped[kind].append(path)
                else:
                    broken.append((path, one_line(error)))
                continue
            known.keep(text, "file", stamp, facts)
        summary.add(path, *facts)
    summary.check_broken(broken)
    if len(summary.paths) < 2:
        said = f": {'; '.join(summary.lines()[1:])}" if summary.skipped else ""
        count = "fewer than two images" if summary.paths else "no images"
        raise UserError(f"there are {count} in {summary.folder}, but it needs at least two{said}")
    return summary


def _check_folder(data_dir):
    if data_dir is None:
        raise UsageError("`dataset=folder` needs `data_dir`, the folder of your images")
    folder = Path(data_dir)
    if folder.is_file():
        raise UserError(
            f"{folder} is a file: `data_dir` must name the folder of your images; unpack "
            "an archive first"
        )
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}: `data_dir` must name the folder of your images"
        )
    if _is_run(folder / "config.json"):
        raise UserError(
            f"{folder} is the folder of a run: `data_dir` must name one with your images"
        )
    return folder


def _walk(summary):
    """Yields the files under a folder that may be images, each one once, as texts."""
    start = os.path.realpath(summary.folder)
    seen, folders, links = {start}, [(str(summary.folder), start)], deque()
    while folders or links:
        if folders:
            folder, real = folders.pop()
            if Path(folder).parent == summary.folder:
                summary.folders.append(Path(folder))
            for entry in _entries(folder, summary):
                target = os.path.join(real, entry.name)
                if entry.name.startswith(".") or entry.name.casefold() in SYSTEM:
                    summary.skipped["hidden and system files"].append(Path(entry))
                elif entry.is_symlink():
                    links.append((entry.path, target))
                elif target in seen:
                    continue  # behind a link to a folder above another link's
                elif entry.is_dir():
                    seen.add(target)
                    folders.append((entry.path, target))
                elif entry.is_file():
                    seen.add(target)
                    yield entry.path
                else:
                    summary.skipped["other files"].append(Path(entry))
            continue
        # Links come last, so that what is there and linked, too, has its own name.
        link, place = links.popleft()
        target = os.path.realpath(link)
        above = os.path.join(target, "")
        if target in seen or place.startswith(above) or start.startswith(above):
            summary.skipped["links to what is read anyway"].append(Path(link))
        elif os.path.isdir(target):
            seen.add(target)
            folders.append((link, target))
        elif os.path.isfile(target):
            seen.add(target)
            yield link
        else:
            summary.skipped["links that lead nowhere"].append(Path(link))


def _entries(folder, summary):
    """The entries of a folder by name; none if it belongs to a run or cannot be opened."""
    try:
        with os.scandir(folder) as entries:
            entries = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if Path(folder) == summary.folder:
            raise UserError(f"{folder} cannot be opened: {one_line(error)}") from None
        summary.skipped["folders that cannot be opened"].append(Path(folder))
        return []
    if any(entry.name == "config.json" and _is_run(entry) for entry in entries):
        summary.skipped["folders of runs"].append(Path(folder))
        return []
    return entries


def _is_run(path):
    """Whether `path` is the `config.json` of a run."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and "command" in values and type(values.get("format")) is int


def _facts(path):
    """Size and mode of an image, and whether it has 16 bits of grey, or more than one frame."""
    plain = read_plain_png(path)
    if plain:
        return plain.size, plain.mode, False, False
    with open_image(path) as image:
        try:
            has_frames = bool(getattr(image, "is_animated", False))
        except Exception:  # of many types: a second frame is damaged, which is not used
            has_frames = True
        # A photograph in the format MPO has previews.
        return image.size, image.mode, is_deep(image), has_frames and image.format != "MPO"
