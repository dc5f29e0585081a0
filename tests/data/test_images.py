"""Every source of images: what it reads, how it splits, and what it says when it cannot."""

import gzip
import struct

import keras
import numpy as np
import pytest
from PIL import Image

from genai_keras.data import folder as folder_module
from genai_keras.data.folder import decode_image, read_folder
from genai_keras.data.images import load_images, scale, to_pixels
from genai_keras.errors import UserError


def everything(batches):
    """All images of a part, as the pixels they came from."""
    return to_pixels(np.concatenate(list(batches.in_order().as_numpy_iterator())))


def rows(images):
    return {image.tobytes() for image in images}


def save_image(path, seed, mode="RGB", size=(20, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], channels), dtype="uint8")
    Image.fromarray(pixels.squeeze(), mode).save(path)


@pytest.fixture
def images(tmp_path):
    for index in range(30):
        save_image(tmp_path / "a" / f"{index}.png", index)
    return tmp_path


def test_every_pixel_value_survives_scaling():
    values = np.arange(256, dtype="uint8")
    assert np.array_equal(to_pixels(scale(values)), values)
    assert scale(values).numpy().min() == -1.0 and scale(values).numpy().max() == 1.0


def test_mnist5k_is_real_mnist(data_dir):
    """Each of the 5,000 is, to the pixel, one of the 70,000; and none is in both parts."""
    train, validation = load_images("mnist5k")
    assert (train.count, validation.count) == (4500, 500)
    assert train.element_shape == (28, 28, 1)
    real = np.load(data_dir / "mnist.npz")
    real = rows(np.concatenate([real["x_train"], real["x_test"]]))
    ours = rows(everything(train)), rows(everything(validation))
    assert ours[0] | ours[1] <= real
    assert not ours[0] & ours[1]
    assert len(ours[0] | ours[1]) == 5000


def test_mnist5k_is_mixed():
    """The file is sorted by digit; a limited training set must still have all of them."""
    few, _ = load_images("mnist5k", limit=100)
    assert few.count == 100
    whole, _ = load_images("mnist5k")
    ink = [part.mean() for part in np.split(everything(whole), 9)]
    # Ones have half the ink of the others: in a sorted set the second ninth would stand out.
    assert np.std(ink) < 2.0


@pytest.mark.slow
def test_real_mnist_and_fashion_mnist(data_dir):
    real = np.load(data_dir / "mnist.npz")
    train, validation = load_images("mnist", data_dir, batch_size=1000)
    assert (train.count, validation.count) == (60_000, 10_000)
    assert np.array_equal(everything(validation)[..., 0], real["x_test"])
    assert rows(everything(train)) == rows(real["x_train"])
    train, validation = load_images("fashion_mnist", data_dir, batch_size=1000)
    assert (train.count, validation.count) == (60_000, 10_000)
    # Fashion-MNIST's published statistics, of the 60,000 images scaled to 0..1.
    pixels = everything(train) / 255
    assert pixels.mean() == pytest.approx(0.2860, abs=1e-4)
    assert pixels.std() == pytest.approx(0.3530, abs=1e-4)


@pytest.mark.parametrize("zipped", [True, False], ids=["gz", "plain"])
def test_idx_files(tmp_path, zipped):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype="uint8")
    for part in ("train", "t10k"):
        data = struct.pack(">4i", 2051, 6, 5, 4) + pixels.tobytes()
        name = f"{part}-images-idx3-ubyte"
        if zipped:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (tmp_path / name).write_bytes(data)
    train, validation = load_images("mnist", tmp_path)
    assert np.array_equal(everything(validation)[..., 0], pixels)
    assert rows(everything(train)) == rows(pixels)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        gzip.compress(b"short"),
        gzip.compress(struct.pack(">4i", 2049, 1, 2, 2) + bytes(4)),
        gzip.compress(struct.pack(">4i", 2051, 2, 2, 2) + bytes(7)),
        gzip.compress(bytes(5000))[:20],
    ],
    ids=["empty", "short", "labels", "cut", "cut gzip"],
)
def test_a_damaged_idx_file_is_named(tmp_path, data):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(data)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz"):
        load_images("mnist", tmp_path)


def test_cifar10s_binary_files(tmp_path):
    """A label, then 1,024 red, 1,024 green and 1,024 blue bytes a image."""
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype="uint8")
    records = b"".join(b"\7" + image.transpose(2, 0, 1).tobytes() for image in images)
    where = tmp_path / "cifar-10-batches-bin"
    where.mkdir()
    (where / "data_batch_1.bin").write_bytes(records)
    (where / "test_batch.bin").write_bytes(records)
    train, validation = load_images("cifar10", tmp_path)
    assert train.element_shape == (32, 32, 3)
    assert np.array_equal(everything(validation), images)
    (where / "test_batch.bin").write_bytes(records[:-1])
    with pytest.raises(UserError, match=r"test_batch\.bin is damaged"):
        load_images("cifar10", tmp_path)


def test_an_npz_without_images_is_named(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros((2, 28, 28), "uint8"))
    with pytest.raises(UserError, match=r"mnist\.npz.*x_test"):
        load_images("mnist", tmp_path)
    zeros = np.zeros((2, 28, 28), "uint8")
    np.savez_compressed(tmp_path / "mnist.npz", x_train=zeros, x_test=zeros)
    whole = (tmp_path / "mnist.npz").read_bytes()
    np.savez(tmp_path / "flat.npz", x_train=zeros.reshape(2, -1), x_test=zeros / 2)
    flat = (tmp_path / "flat.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[60:70] = bytes(10)
    for damaged in (b"no zip", b"", whole[: len(whole) // 2], bytes(flipped), flat):
        (tmp_path / "mnist.npz").write_bytes(damaged)
        with pytest.raises(UserError, match=r"mnist\.npz"):
            load_images("mnist", tmp_path)


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10"])
def test_offline_the_ways_out_are_listed(dataset, tmp_path, monkeypatch):
    def no_network():
        raise Exception("URL fetch failure on https://example.org/x: None -- unreachable")

    monkeypatch.setattr(getattr(keras.datasets, dataset), "load_data", no_network)
    monkeypatch.setattr("genai_keras.data.images._folders", lambda data_dir, *names: [data_dir])
    with pytest.raises(UserError) as failure:
        load_images(dataset, tmp_path)
    text = str(failure.value)
    assert "unreachable" in text and str(tmp_path) in text
    assert "`data_dir`" in text and "mnist5k" in text and "\n" not in text


@pytest.mark.slow
def test_photos_parts_share_no_pixel(monkeypatch):
    """Photographs whose every pixel is unique are cut up instead of the real ones."""
    photo = np.arange(427 * 640, dtype="uint32").reshape(427, 640)
    unique = np.stack([photo >> 16, photo >> 8 & 255, photo & 255], -1).astype("uint8")

    class Fake:
        images = (unique, unique)

    monkeypatch.setattr("sklearn.datasets.load_sample_images", lambda: Fake)
    for size in (64, 100):
        train, validation = load_images("photos", image_size=size)
        seen = np.zeros((2, photo.size), bool)
        for part, marks in zip((train, validation), seen, strict=True):
            marks[everything(part).reshape(-1, 3) @ [65536, 256, 1]] = True
        assert train.count > 1000 and validation.count >= 20
        assert seen.any(axis=1).all() and not seen.all(axis=0).any()


@pytest.mark.slow
def test_real_photos():
    train, _ = load_images("photos")
    assert train.element_shape == (64, 64, 3)
    assert everything(train).std() > 20
    with pytest.raises(UserError, match="too large for photos"):
        load_images("photos", image_size=400)


def test_resizing_and_colour():
    train, validation = load_images("mnist5k", limit=20, image_size=16, channels=3)
    assert train.element_shape == validation.element_shape == (16, 16, 3)
    pixels = everything(train)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    plain, _ = load_images("mnist5k", limit=20)
    assert pixels.mean() == pytest.approx(everything(plain).mean(), rel=0.05)


def test_a_folder_is_read_with_its_subfolders(images):
    save_image(images / "b" / "c" / "DEEP.JPG", 99)
    (images / "notes.txt").write_text("no image")
    save_image(images / "a" / ".hidden.png", 98)
    train, validation = load_images("folder", images, image_size=8, batch_size=4)
    assert train.count + validation.count == 31
    assert train.element_shape == (8, 8, 3)
    assert not rows(everything(train)) & rows(everything(validation))


def test_copies_of_a_image_are_in_one_part(images):
    for copy in range(4):
        for path in sorted((images / "a").glob("?.png")):
            (images / "a" / f"copy{copy}-{path.name}").write_bytes(path.read_bytes())
    train, validation = (part.pixels for part in read_folder(images, 8)[0])
    assert len(train) + len(validation) == 70
    assert not rows(train) & rows(validation)


def test_adding_images_moves_few_others(images):
    before = read_folder(images, 8)[0][1].pixels
    for index in range(100, 110):
        save_image(images / "b" / f"{index}.png", index)
    train = read_folder(images, 8)[0][0].pixels
    assert len(rows(before) & rows(train)) <= 1  # a tenth of ten more may take one's place


def test_a_streamed_folder_gives_the_same_images(images, monkeypatch):
    kept = read_folder(images, 8)[0]
    monkeypatch.setattr(folder_module, "MEMORY", 100)
    streamed = read_folder(images, 8)[0]
    for part, stream in zip(kept, streamed, strict=True):
        assert stream.pixels is None and stream.paths == part.paths
        indices = np.arange(len(stream.paths))[::-1]
        assert np.array_equal(stream.fetch(indices), part.pixels[::-1])


def test_a_streamed_folder_trains_in_batches(images, monkeypatch):
    monkeypatch.setattr(folder_module, "MEMORY", 0)
    train, _ = load_images("folder", images, image_size=8, batch_size=9)
    batches = list(train.shuffled().take(3).as_numpy_iterator())
    assert all(batch.shape == (9, 8, 8, 3) for batch in batches)
    assert len(rows(np.concatenate(batches))) == 27


def test_alpha_becomes_white_and_grey_stays_grey(tmp_path):
    clear = np.zeros((4, 4, 4), "uint8")  # black, fully transparent
    Image.fromarray(clear, "RGBA").save(tmp_path / "clear.png")
    assert (decode_image(tmp_path / "clear.png", (4, 4, 3)) == 255).all()
    half = np.full((4, 4, 2), (100, 128), "uint8")  # grey 100 at half strength over white
    Image.fromarray(half, "LA").save(tmp_path / "half.png")
    assert decode_image(tmp_path / "half.png", (4, 4, 1)) == pytest.approx(
        np.full((4, 4, 1), round(100 * 128 / 255 + 255 * 127 / 255)), abs=1
    )
    (train, _), _, _ = read_folder(tmp_path, 4)
    assert train.shape[-1] == 3  # one of the two is in colour
    (tmp_path / "clear.png").unlink()
    save_image(tmp_path / "grey.png", 1, "L")
    assert read_folder(tmp_path, 4)[0][0].shape[-1] == 1


def test_sixteen_bits_palettes_and_orientation(tmp_path):
    deep = np.array([[0, 65535], [32768, 256]], "uint16")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert decode_image(tmp_path / "deep.png", (2, 2, 1))[..., 0].tolist() == [[0, 255], [128, 1]]
    colours = Image.fromarray(np.array([[0, 1]], "uint8"), "P")
    colours.putpalette([255, 0, 0, 0, 0, 255])
    colours.save(tmp_path / "palette.png")
    assert decode_image(tmp_path / "palette.png", (1, 2, 3)).tolist() == [
        [[255, 0, 0], [0, 0, 255]]
    ]
    # A camera's upright image, stored lying: EXIF orientation 6 turns it clockwise.
    lying = Image.fromarray(np.array([[0] * 8, [255] * 8], "uint8").repeat(4, axis=0), "L")
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / "lying.jpg", exif=exif, quality=100)
    upright = decode_image(tmp_path / "lying.jpg", (8, 8, 1))[..., 0]
    assert upright[:, :3].min() > 200 and upright[:, 5:].max() < 50


def test_a_image_is_cropped_at_its_centre_not_squeezed(tmp_path):
    wide = np.zeros((10, 30), "uint8")
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (decode_image(tmp_path / "wide.png", (10, 10, 1)) == 200).all()


def test_a_broken_image_is_named(images):
    whole = (images / "a" / "3.png").read_bytes()
    for name, data in (("cut.png", whole[: len(whole) // 2]), ("text.jpg", b"hello")):
        (images / name).write_bytes(data)
        with pytest.raises(UserError, match=name):
            load_images("folder", images, image_size=8)
        (images / name).unlink()


@pytest.mark.parametrize("count", [0, 1])
def test_a_folder_without_images(tmp_path, count):
    (tmp_path / "notes.txt").write_text("no image")
    for index in range(count):
        save_image(tmp_path / f"{index}.png", index)
    with pytest.raises(UserError, match="at least two"):
        load_images("folder", tmp_path)
    with pytest.raises(UserError, match="`data_dir`"):
        load_images("folder", tmp_path / "none")
    with pytest.raises(UserError, match="`data_dir`"):
        load_images("folder")
