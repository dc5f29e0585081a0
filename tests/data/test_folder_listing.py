"""Which files of a folder are data, and what is said about the others."""

import os
import shutil
import zlib

import numpy as np
import pytest
from helpers import png_chunk, png_file, refused
from PIL import Image

from genai_keras.cli.gan_options import GANConfig
from genai_keras.data import folder as folder_module
from genai_keras.data.folder import read_folder
from genai_keras.data.folder_listing import find_images
from genai_keras.data.images import load_images


def pixels_of(seed, size=(12, 10)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype="uint8")


def save(path, seed, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels_of(seed)).save(path, options.pop("kind", "png"), **options)
    return path


def names(found):
    return [path.relative_to(found.folder).as_posix() for path in found.paths]


def said(folder, *arguments):
    return refused(lambda: read_folder(folder, 8, *arguments))


@pytest.fixture
def images(tmp_path):
    """Five images."""
    where = tmp_path / "mine"
    for seed in range(5):
        save(where / f"p{seed}.png", seed)
    return where


MINE = [f"p{seed}.png" for seed in range(5)]
HIDDEN = (
    ".thumbnails/large", ".ipynb_checkpoints", "@eaDir", "@eaDir/p1.png", "__MACOSX", "__macosx/x",
    "$RECYCLE.BIN/S-1-5-21", "lost+found", "System Volume Information", "#recycle", "#snapshot/x",
    "@Recycle", ".Trash-1000/files", ".git", ".@__thumb", ".dvc/cache", "sub/.thumbnails",
    "__pycache__",
)  # fmt: skip


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_and_system_folders_are_no_data(images, hidden):
    (images / "sub").mkdir()
    for seed in range(50, 55):
        save(images / hidden / f"t{seed}.png", seed)
    found = find_images(images)
    assert names(found) == MINE
    assert sum(map(len, found.skipped.values())) == 1
    assert any("hidden" in line and hidden.split("/")[0] in line for line in found.lines()[1:])


@pytest.mark.parametrize(
    "name", ["._p1.png", ".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r", ".p.png"]
)
def test_hidden_and_system_files_are_no_data(images, name):
    """`._p1.png` is what macOS leaves beside `p1.png` on other disks."""
    save(images / name, 9)
    found = find_images(images)
    assert names(found) == MINE and sum(map(len, found.skipped.values())) == 1


def test_a_hidden_folder_that_is_named_is_read(images, tmp_path):
    images.rename(tmp_path / ".cache")
    assert names(find_images(tmp_path / ".cache")) == MINE


def test_folders_of_runs_are_no_data(images):
    before = [part.paths for part in read_folder(images, 8)[0]]
    run = images / "runs" / "gan-01"
    for seed in range(50, 60):
        save(run / "samples" / f"epoch{seed}.png", seed)
        save(run / f"generated{seed}.png", seed + 100)
    GANConfig(run_dir=run).save(run / "config.json")
    parts = read_folder(images, 8)[0]
    assert [part.paths for part in parts] == before
    assert "skipped: 1 folders of runs (runs/gan-01)" in parts[0].summary.lines()
    assert "is the folder of a run" in said(run)


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"command": "label", "format": "coco"}', "{", "[" * 100_000, "\udcff"]
)
def test_other_folders_with_a_config_are_data(images, content):
    save(images / "others" / "q.png", 9)
    (images / "others" / "config.json").write_text(content, "utf-8", "surrogatepass")
    assert "others/q.png" in names(find_images(images))


# Content, not names

LOSSLESS = {
    "PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}, "PPM": {}, "DDS": {}, "QOI": {},
    "TGA": {}, "PCX": {}, "SGI": {}, "JPEG2000": {"irreversible": False}, "ICO": {}, "GIF": {},
}  # fmt: skip
BY_NAME_ONLY = {"TGA": ".tga", "PCX": ".PCX", "SGI": ".sgi"}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_images_of_every_format_are_found_by_content(images, kind):
    """With a wrong suffix, or none: the pixels are those that were saved."""
    image = Image.fromarray(pixels_of(9, (16, 16)))
    if kind == "GIF":
        image = image.quantize(200)
    suffixes = (
        [BY_NAME_ONLY[kind]] if kind in BY_NAME_ONLY else ["", ".JPG", ".txt", ".dat", ".png"]
    )
    for suffix in suffixes:
        options = {"sizes": [(16, 16)]} if kind == "ICO" else LOSSLESS[kind]
        image.save(images / f"photo{suffix}", kind, **options)
    parts = read_folder(images, 16)[0]
    read = {
        path.name: pixels
        for part in parts
        for path, pixels in zip(part.paths, part.pixels, strict=True)
    }
    for suffix in suffixes:
        assert np.array_equal(read[f"photo{suffix}"], np.asarray(image.convert("RGB"))), suffix
    assert parts[0].summary.copies == len(suffixes) - 1


def test_jpegs_by_their_rarer_names_are_read(images):
    for seed, name in enumerate(("a.jfif", "b.jpe", "c.JPG_large", "d", "e.jpg!d", "f.jpg?w=200")):
        save(images / name, 10 + seed, kind="jpeg")
    Image.fromarray(pixels_of(20)).save(images / "g.avif")
    found = find_images(images)
    assert len(found.paths) == 12 and not found.skipped


OTHERS = {
    "IMG.HEIC": (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC", "mogrify -format jpg"),
    "IMG2.jpg": (b"\0\0\0\x24ftypheix" + bytes(50), "HEIC", "mogrify -format jpg"),
    "IMG3.heif": (b"\0\0\0\x24ftypmif1" + bytes(50), "HEIC", "mogrify -format jpg"),
    "clip.mov": (b"\0\0\0\x14ftypqt  " + bytes(50), "video", "ffmpeg"),
    "clip.mkv": (b"\x1aE\xdf\xa3" + bytes(50), "video", "ffmpeg"),
    "clip": (b"RIFF\0\0\0\0AVI LIST", "video", "ffmpeg"),
    "new.jxl": (b"\xff\x0a" + bytes(50), "JPEG XL", "djxl"),
    "logo.svg": (b"<?xml version='1.0'?><svg/>", "SVG", "rsvg-convert"),
    "paper.pdf": (b"%PDF-1.7\n", "PDF", "pdftoppm"),
    "scan.png": (b"%PDF-1.7\n", "PDF", "pdftoppm"),
    "slice.dcm": (bytes(128) + b"DICM", "DICOM", "convert"),
    "poster.psd": (b"8BPS\0\1" + bytes(50), "PSD", "export"),
    "clip.jpg": (b"\0\0\0\x20ftypisom" + bytes(50), "video", "ffmpeg"),
    "more.zip": (b"PK\3\4" + bytes(50), "archives", "unpack"),
    "x.npz": (b"PK\3\4" + bytes(50), "NumPy arrays", "PNG"),
    "captions.txt": (b"a red bird", "text", ""),
    "labels.csv": ("a,猫\n".encode(), "text", ""),
    "README": (b"Photos of 2020. " * 99, "text", ""),
    "P1.txt": (b"P1 is the first photograph", "text", ""),
    "notes": (b"BM means Bob Martin", "text", ""),
    "weights.bin": (bytes(range(256)), "other files", ""),
    "empty": (b"", "other files", ""),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_skipped_is_counted_and_named_by_kind(images, name):
    content, kind, hint = OTHERS[name]
    (images / name).write_bytes(content)
    found = find_images(images)
    assert names(found) == MINE
    assert {kind: [path.name for path in paths] for kind, paths in found.skipped.items()} == {
        kind: [name]
    }
    (line,) = (line for line in found.lines() if line.startswith("skipped"))
    assert line.startswith(f"skipped: 1 {kind} ({name})") and hint in line


@pytest.mark.parametrize("suffix", [".NEF", ".dng", ".cr2", ".ARW"])
def test_the_thumbnail_in_a_raw_photograph_is_no_image(images, suffix):
    """These files are TIFFs, and a small image is the first of theirs."""
    save(images / f"DSC_1{suffix}", 9, kind="tiff")
    found = find_images(images)
    assert names(found) == MINE and list(found.skipped) == ["camera raw"]


def test_a_folder_of_nothing_but_heic_says_how_to_convert(tmp_path):
    for number in range(5):
        (tmp_path / f"IMG_{number}.HEIC").write_bytes(OTHERS["IMG.HEIC"][0])
    message = said(tmp_path)
    assert "no images" in message and "5 HEIC (IMG_0.HEIC, IMG_1.HEIC, IMG_2.HEIC ...)" in message
    assert "mogrify -format jpg" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(images):
    os.mkfifo(images / "pipe.png")
    os.mkfifo(images / "config.json")
    found = find_images(images)
    assert names(found) == MINE and len(found.skipped["other files"]) == 2


# Broken files


def test_broken_images_are_counted_and_the_first_named_before_any_is_decoded(images, monkeypatch):
    monkeypatch.setattr(folder_module, "decode", None)
    for number in range(12):
        (images / f"bad{number:02}.jpg").write_bytes(b"" if number % 2 else b"JFIF not really")
    message = said(images)
    assert message.startswith(f"12 files in {images} cannot be read as images: bad00.jpg (")
    assert "bad02.jpg" in message and "bad03.jpg" not in message and "and 9 more" in message


def test_all_damaged_images_are_counted_at_once(images):
    for seed in range(20, 27):
        path = save(images / f"cut{seed}.jpg", seed, kind="jpeg")
        path.write_bytes(path.read_bytes()[:-20])
    path = save(images / "wrong.png", 30)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    Image.fromarray(pixels_of(31)[..., 0] * np.uint16(9)).save(images / "deep.png")
    (images / "deep.png").write_bytes((images / "deep.png").read_bytes()[:-40])
    assert said(images).startswith(f"9 files in {images} cannot be read as images: cut20.jpg (")


@pytest.mark.parametrize("name", ["bomb", "bomb.txt", "bomb.png"])
def test_a_bomb_is_refused_whatever_its_name(images, name):
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(9)))
    (images / name).write_bytes(png_file(50_000, 50_000, pixels))
    assert f"{images / name} cannot be read as an image" in said(images)


def test_odd_names_do_not_break_a_message(images):
    for name in ("line\nbreak.png", "\x1b[31mred.png", os.fsdecode(b"latin\xe9.png")):
        try:
            (images / name).write_bytes(b"no image")
        except OSError:
            pytest.skip("this file system has only names in UTF-8")
    assert r"latin\udce9.png" in said(images) and r"line\nbreak.png" in said(images)


# Links


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def test_links_to_folders_and_files_are_followed(images, tmp_path):
    save(tmp_path / "elsewhere" / "deep" / "q.png", 9)
    save(tmp_path / "single.png", 10)
    link(images / "linked", tmp_path / "elsewhere")
    link(images / "one.png", tmp_path / "single.png")
    link(images / "chain.png", images / "one.png")  # the same file once more
    link(images / "gone.png", tmp_path / "nothing")
    found = find_images(images)
    assert names(found) == ["chain.png", "linked/deep/q.png", *MINE]
    assert {kind: len(paths) for kind, paths in found.skipped.items()} == {
        "links to what is read anyway": 1,
        "links that lead nowhere": 1,
    }
    link(tmp_path / "only links" / "a", images)
    link(tmp_path / "only links" / "b.png", tmp_path / "single.png")
    assert len(find_images(tmp_path / "only links").paths) == 7


@pytest.mark.parametrize("target", [".", "..", "sub", "../..", "/"])
@pytest.mark.parametrize("place", ["sub/loop", "loop"])
def test_links_do_not_go_round_in_circles(images, target, place):
    save(images / "sub" / "q.png", 9)
    save(images.parent / "beside" / "r.png", 10)
    link(images / place, target)
    found = find_images(images)
    assert names(found) == [*MINE, "sub/q.png"]
    assert sum(map(len, found.skipped.values())) == 1


def test_two_links_to_each_other_and_one_that_leads_out_and_back(images, tmp_path):
    link(images / "a", "b")
    link(images / "b", "a")
    save(tmp_path / "out" / "q.png", 9)
    link(tmp_path / "out" / "back", images)
    link(tmp_path / "out" / "up", tmp_path)
    link(images / "out", tmp_path / "out")
    assert names(find_images(images)) == ["out/q.png", *MINE]


def test_a_link_elsewhere_does_not_lead_to_what_is_around_the_folder(tmp_path):
    for seed in range(2):
        save(tmp_path / "home" / "mine" / f"{seed}.png", seed)
    save(tmp_path / "home" / "private.png", 8)
    save(tmp_path / "disk" / "q.png", 9)
    link(tmp_path / "disk" / "home", tmp_path / "home")
    link(tmp_path / "home" / "mine" / "disk", tmp_path / "disk")
    assert names(find_images(tmp_path / "home" / "mine")) == ["0.png", "1.png", "disk/q.png"]


def test_links_to_a_folder_and_to_one_in_it_find_each_file_once(images, tmp_path):
    save(tmp_path / "out" / "deep" / "q.png", 9)
    save(tmp_path / "out" / "r.png", 10)
    link(images / "a", tmp_path / "out" / "deep")
    link(images / "b.png", tmp_path / "out" / "r.png")
    link(images / "c", tmp_path / "out")
    assert names(find_images(images)) == ["a/q.png", "b.png", *MINE]


def test_a_file_that_is_there_and_linked_keeps_its_own_name(images):
    link(images / "a" / "first.png", images / "p3.png")
    link(images / "a folder", images)
    assert names(find_images(images)) == MINE


# What was found


def test_what_was_read_is_told(images):
    Image.fromarray(pixels_of(9, (20, 30))).convert("L").save(images / "grey.png")
    shutil.copy(images / "p0.png", images / "again.png")
    (images / "captions.txt").write_text("a red bird")
    train, validation = load_images("folder", images, image_size=8, batch_size=2)
    assert train.summary is validation.summary
    assert train.summary.sizes == {(10, 12): 6, (30, 20): 1}
    assert train.summary.modes == {"RGB": 6, "L": 1}
    assert train.summary.lines() == [
        f"7 images in {images}: 6 of 10 x 12, 1 of 30 x 20; mode: 6 RGB, 1 L",
        "copies of others: 1",
        "skipped: 1 text (captions.txt)",
    ]


def test_the_mode_of_a_fax_is_told_from_a_count(images):
    Image.fromarray(pixels_of(9, (20, 30))).convert("1").save(images / "fax.tif")
    assert find_images(images).lines()[0].endswith("mode: 5 RGB, 1 1-bit")


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["kept", "streamed"])
def test_each_sample_has_its_path(images, memory, monkeypatch):
    monkeypatch.setattr(folder_module, "MEMORY", memory)
    for seed in range(5, 25):
        save(images / f"p{seed}.png", seed)
    parts, _, _ = read_folder(images, 8)
    assert sorted(path.name for part in parts for path in part.paths) == sorted(
        f"p{seed}.png" for seed in range(25)
    )
    for part in parts:
        decoded = [folder_module.decode_image(path, (8, 8, 3)) for path in part.paths]
        pixels = part.pixels if memory else part.fetch(np.arange(len(part.paths)))
        assert np.array_equal(pixels, decoded)


def test_a_limit_opens_no_more_than_it_needs(images, monkeypatch):
    for seed in range(5, 25):
        save(images / f"p{seed}.png", seed)
    (images / "captions.txt").write_text("a red bird")
    found = find_images(images, 7)
    assert len(found.paths) == 7 and found.paths == find_images(images, 7).paths
    assert len(found.unseen) == 26 - 7 - sum(map(len, found.skipped.values()))
    assert f"left out by `limit`: {len(found.unseen)} files" in found.lines()


def test_a_file_in_place_of_a_folder(images, tmp_path):
    assert "unpack" in said(images / "p0.png")
    assert "there is no folder" in said(tmp_path / "none")
