"""The two parts of a folder share no image, whatever files the images are in."""

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from genai_keras.data import folder as folder_module
from genai_keras.data.folder import read_folder
from genai_keras.errors import UserError

SIZE = 16


def scene(seed, grey=False):
    """Few colours, so that a palette can have them all."""
    random = np.random.default_rng(seed)
    colours = random.integers(0, 256, (40, 1 if grey else 3), dtype="uint8")
    return np.broadcast_to(colours[random.integers(0, 40, (SIZE, SIZE))], (SIZE, SIZE, 3))


def with_text(path, image):
    info = PngInfo()
    info.add_text("Software", f"tool {path}")
    image.save(path.with_suffix(".png"), pnginfo=info)


def turned(path, image):
    exif = Image.Exif()
    exif[0x0112] = 6  # it is to be turned clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(path.with_suffix(".png"), exif=exif)


def clear(path, image):
    """White is transparent; its colour does not matter."""
    pixels = np.array(image.convert("RGBA"))
    white = (pixels == 255).all(-1)
    pixels[white] = 12, 34, 56, 0
    Image.fromarray(pixels).save(path.with_suffix(".png"))


def deep(path, image):
    """Only for grey."""
    Image.fromarray(np.asarray(image)[..., 0].astype("uint16") * 257).save(path.with_suffix(".tif"))


ENCODINGS = {
    "png": lambda path, image: image.save(path.with_suffix(".png"), compress_level=1),
    "text": with_text,
    "bmp": lambda path, image: image.save(path.with_suffix(".bmp")),
    "lzw": lambda path, image: image.save(path.with_suffix(".tif"), compression="tiff_lzw"),
    "webp": lambda path, image: image.save(path.with_suffix(".webp"), lossless=True),
    "ppm": lambda path, image: image.save(path.with_suffix(".ppm")),
    "alpha": lambda path, image: image.convert("RGBA").save(path.with_suffix(".png")),
    "palette": lambda path, image: image.quantize(64).save(path.with_suffix(".png")),
    "gif": lambda path, image: image.quantize(64).save(path.with_suffix(".gif")),
    "no suffix": lambda path, image: image.save(path, "png"),
    "turned": turned,
    "clear": clear,
}
FOR_GREY = {
    "grey": lambda path, image: image.convert("L").save(path.with_suffix(".png")),
    "deep": deep,
}


def rows(part):
    return {image.tobytes() for image in part.pixels}


@pytest.mark.parametrize("seed", range(4))
def test_equal_images_are_in_one_part_however_they_are_encoded(tmp_path, seed):
    """And their copies do not change which part that is."""
    random = np.random.default_rng(seed)
    scenes = [Image.fromarray(scene(100 * seed + number, number % 2 == 0)) for number in range(24)]
    (tmp_path / "once").mkdir()
    for number, image in enumerate(scenes):
        image.save(tmp_path / "once" / f"{number}.png")
    once = read_folder(tmp_path / "once", SIZE, 3)[0]
    for number, image in enumerate(scenes):
        known = ENCODINGS if number % 2 else {**ENCODINGS, **FOR_GREY}
        for name in random.choice(list(known), 4, replace=False):
            folder = tmp_path / "again" / name
            folder.mkdir(parents=True, exist_ok=True)
            known[name](folder / f"{number}", image)
    again = read_folder(tmp_path / "again", SIZE, 3)[0]
    assert sum(len(part.paths) for part in again) == 24 * 4
    assert again[0].summary.copies == 24 * 3
    assert [rows(part) for part in again] == [rows(part) for part in once]
    assert not rows(again[0]) & rows(again[1])


def test_what_is_equal_once_it_is_cropped_is_in_one_part(tmp_path):
    """As they are learnt, one image is the other. The names of the files do not matter."""
    for seed in range(30):
        for number, colour in enumerate(("red", "green", "blue")):  # of borders that are cropped
            bordered = Image.new("RGB", (SIZE + 2 * seed, SIZE), colour)
            bordered.paste(Image.fromarray(scene(seed)), (seed, 0))
            for folder, place in (("one", number), ("other", 2 - number)):
                (tmp_path / folder).mkdir(exist_ok=True)
                bordered.save(tmp_path / folder / f"{seed}-{place}.png")
    one, other = read_folder(tmp_path / "one", SIZE)[0], read_folder(tmp_path / "other", SIZE)[0]
    assert one[0].summary.copies == 60
    assert not rows(one[0]) & rows(one[1])
    assert [rows(part) for part in one] == [rows(part) for part in other]


def test_the_parts_do_not_depend_on_the_size(tmp_path):
    for seed in range(40):
        Image.fromarray(scene(seed)).save(tmp_path / f"{seed}.png")
    expected = [part.paths for part in read_folder(tmp_path, 16)[0]]
    for size, channels in ((8, 3), (12, 1), (30, 3)):
        assert [part.paths for part in read_folder(tmp_path, size, channels)[0]] == expected


@pytest.mark.parametrize("colour", ["white", "black", "red", (0, 0, 0, 0)])
def test_equal_images_alone_are_refused_before_training(tmp_path, colour):
    for number in range(40):
        mode = "RGBA" if isinstance(colour, tuple) else "RGB"
        Image.new(mode, (30 + number, 30), colour).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match="all 40 images are copies of one image"):
        read_folder(tmp_path, 16)


@pytest.mark.parametrize("count", [2, 12])
def test_few_images_are_read(tmp_path, count):
    for seed in range(count):
        Image.fromarray(scene(seed)).save(tmp_path / f"{seed}.png")
    parts = read_folder(tmp_path, 16)[0]
    assert [len(part.paths) for part in parts] == [count - 1, 1]


def test_grey_and_colour_together_are_kept_up_to_the_memory_that_all_need(tmp_path, monkeypatch):
    for seed in range(10):
        Image.fromarray(scene(seed, grey=seed > 0)).save(tmp_path / f"{seed}.png")
    most = 10 * SIZE * SIZE * 3
    monkeypatch.setattr(folder_module, "MEMORY", most)
    kept, _, _ = read_folder(tmp_path, SIZE)
    monkeypatch.setattr(folder_module, "MEMORY", most - 1)
    streamed, _, _ = read_folder(tmp_path, SIZE)
    for part, other in zip(kept, streamed, strict=True):
        assert part.paths == other.paths and other.pixels is None
        assert np.array_equal(other.fetch(np.arange(len(part.paths))), part.pixels)
