"""What a user brings is refused in one line, or read rightly: no traceback, no wrong answer."""

import ast
import contextlib
import gzip
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers import png_chunk, png_file, refused
from keras.src.utils import file_utils
from PIL import Image

import genai_keras
from genai_keras.data import arrays, downloads, folder
from genai_keras.data.images import load_images, to_pixels
from genai_keras.data.pairs import load_pairs
from genai_keras.data.text import load_text
from genai_keras.data.tokenizers import load_tokenizer
from genai_keras.runs import load_run

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (6, 5, 4), dtype="uint8")
BYTES = PIXELS.tobytes()
LABELS = np.arange(6, dtype="uint8")


def everything(batches):
    return to_pixels(np.concatenate(list(batches.in_order().as_numpy_iterator())))


@contextlib.contextmanager
def little_memory(most=20_000_000):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


# Files of arrays


@pytest.fixture
def npz(tmp_path):
    """Loads `mnist.npz` with some of its four arrays exchanged; None leaves one out."""

    def load(save=np.savez_compressed, **changes):
        parts = {"x_train": PIXELS, "x_test": PIXELS, "y_train": LABELS, "y_test": LABELS}
        parts = {name: part for name, part in {**parts, **changes}.items() if part is not None}
        save(tmp_path / "mnist.npz", **parts)
        return load_images("mnist", tmp_path)

    return load


def with_value(place, value, dtype):
    changed = (PIXELS / 255).astype(dtype) if dtype[0] == "f" else PIXELS.astype(dtype)
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    "same",
    [PIXELS.astype(each) for each in ("int16", "int64", ">i4", "uint64")]
    + [(PIXELS / 255).astype(each) for each in ("float16", "float32", "float64", ">f4")]
    + [PIXELS[..., None], np.asfortranarray(PIXELS)],
    ids=lambda array: f"{array.dtype.str}-{array.ndim}",
)
def test_whole_numbers_and_unit_floats_are_the_same_images(npz, same):
    _, validation = npz(x_train=same, x_test=same, y_test=LABELS.astype("float32")[:, None])
    assert np.array_equal(everything(validation)[..., 0], PIXELS)
    assert np.array_equal(validation.labels, LABELS) and validation.labels.dtype == np.uint8


def test_unit_floats_are_rounded_not_cut(npz):
    _, validation = npz(x_test=((PIXELS - 0.4) / 255).clip(0))
    assert np.array_equal(everything(validation)[..., 0], PIXELS)


def test_true_is_white(npz):
    _, validation = npz(x_train=PIXELS > 99, x_test=PIXELS > 99)
    assert np.array_equal(everything(validation)[..., 0], 255 * (PIXELS > 99))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": with_value((3, 1, 2), np.nan, "float32")}, ["x_train[3] contains nan"]),
        ({"x_test": with_value((5, 0, 0), -np.inf, "float64")}, ["x_test[5] contains -inf"]),
        ({"x_test": with_value((0, 0, 0), 1.5, "float16")}, ["x_test[0] contains 1.5", "0 to 1"]),
        ({"x_train": with_value((2, 0, 0), -3, "int8")}, ["x_train[", "contains -"]),
        ({"x_train": with_value((2, 4, 3), 300, "int64")}, ["x_train[2] contains 300", "0 to 255"]),
        ({"x_train": with_value((2, 4, 3), -3, "int64")}, ["x_train[2] contains -3"]),
        ({"x_train": PIXELS.astype("float32")}, ["x_train[0] contains", "0 to 1, as floats"]),
        ({"x_train": PIXELS // 255 + (PIXELS > 9)}, ["x_train has only the values 0 and 1"]),
        ({"x_train": np.array([{}] * 6)}, ["x_train has type object"]),
        ({"x_train": PIXELS.astype("U3")}, ["x_train has type"]),
        ({"x_train": PIXELS.astype("complex64")}, ["x_train has type complex64"]),
        ({"x_train": PIXELS.astype("M8[s]")}, ["x_train has type datetime64"]),
        ({"x_train": PIXELS.reshape(6, -1)}, ["x_train has the shape (6, 20)"]),
        ({"x_train": np.uint8(7)}, ["x_train has the shape ()"]),
        ({"x_test": PIXELS[..., None, None]}, ["x_test has the shape (6, 5, 4, 1, 1)"]),
        ({"x_test": PIXELS[..., None].repeat(2, -1)}, ["x_test has the shape (6, 5, 4, 2)"]),
        ({"x_test": PIXELS[:, :3]}, ["5 x 4 x 1", "3 x 4 x 1"]),
        ({"x_test": PIXELS[..., None].repeat(3, -1)}, ["5 x 4 x 1", "5 x 4 x 3"]),
        ({"x_train": PIXELS[:0]}, ["x_train is empty", "(0, 5, 4)"]),
        ({"x_test": PIXELS[:0]}, ["x_test is empty"]),
        ({"x_test": PIXELS[:, :0]}, ["x_test is empty", "(6, 0, 4)"]),
        ({"x_train": None}, ["no array x_train"]),
        ({"x_test": None}, ["no array x_test"]),
        ({"y_train": LABELS + 0.5}, ["y_train[0] contains 0.5", "an integer"]),
        ({"y_train": np.where(LABELS == 4, np.nan, LABELS)}, ["y_train[4] contains nan"]),
        ({"y_test": LABELS.astype("int64") * 3}, ["y_test[4] contains 12"]),
        ({"y_test": LABELS.astype("int8") - 1}, ["y_test[0] contains -1"]),
        ({"y_test": LABELS[:5]}, ["5 labels for 6 images"]),
        ({"y_train": np.eye(10)[LABELS]}, ["y_train has the shape (6, 10)"]),
        ({"y_train": LABELS.astype("U1")}, ["y_train has type"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_the_array_and_its_first_bad_sample_are_named(npz, changes, words):
    refused(lambda: npz(**changes), "mnist.npz", *words)


def test_good_images_are_not_copied_more_than_once(tmp_path):
    """Twenty megabytes from a file: their bytes, and nothing else of their size."""
    large = np.resize(PIXELS, (25_000, 28, 28))
    np.savez(tmp_path / "mnist.npz", x_train=large, x_test=large[:10])
    with little_memory(2.2 * large.nbytes):  # zipfile joins the one part that it has read
        train, *_ = arrays.read_npz(tmp_path / "mnist.npz", 10)
    assert np.array_equal(train[..., 0], large)


def member(descr="'|u1'", shape=(6, 5, 4), data=BYTES, version=b"\1\0"):
    """An .npy of any header, whatever its bytes are."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data


def write_zip(path, x_train, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x_train.npy", x_train)
        archive.writestr("x_test.npy", member())


@pytest.mark.parametrize(
    "x_train",
    [
        member(shape=(10**9, 28, 28)),
        member(shape=(10**30, 28, 28)),
        member(shape=(-6, -5, 4)),
        member(shape=(-1, 5, 4)),
        member(shape=(6, 5, 5)),
        member(shape="(6, 5, __import__('os').abort())"),
        member(descr="'|O'"),
        member(descr="[('a', '|u1')]"),
        member(descr="'<u1000000000'"),
        member(version=b"\3\0"),
        member(version=b"\x09\0"),
        member(data=b""),
        b"",
        b"\x93NUMPY",
        b"\x80\x04\x95",
        b"\x93NUMPY\1\0\xff\xff" + b"(" * 65535,
    ],
    ids=range(16),
)
def test_a_header_that_lies_costs_no_memory(tmp_path, x_train):
    write_zip(tmp_path / "mnist.npz", x_train)
    with little_memory():
        refused(lambda: load_images("mnist", tmp_path), "mnist.npz does not contain")


def test_zip_bombs_are_refused_by_name(tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    bomb = member(shape=(30_000, 50, 50), data=bytes(75_000_000))
    write_zip(path, bomb, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(arrays, "MOST_BYTES", 1 << 20)
    with little_memory():
        refused(lambda: load_images("mnist", tmp_path), path, "x_train has 75,000,")
        # It may also lie about its size, in both places that tell of it.
        size = struct.pack("<I", len(bomb))
        assert path.read_bytes().count(size) == 2
        path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 1000)))
        refused(lambda: load_images("mnist", tmp_path), path)
    write_zip(path, member(), zipfile.ZIP_LZMA)  # which zipfile unpacks without a limit
    refused(lambda: load_images("mnist", tmp_path), path, "x_train is not compressed")


def test_members_that_lead_elsewhere_are_never_written(tmp_path, npz):
    npz()
    inside = tmp_path / "inside"
    inside.mkdir()
    path = shutil.move(tmp_path / "mnist.npz", inside)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../evil.npy", member())
        archive.writestr(str(tmp_path / "absolute.npy"), member())
    before = sorted(tmp_path.rglob("*"))
    assert load_images("mnist", inside)[0].count == 6
    assert sorted(tmp_path.rglob("*")) == before


def write_idx(path, data=PIXELS, shape=None, magic=None, zipped=False):
    shape = data.shape if shape is None else shape
    magic = 2048 + len(shape) if magic is None else magic
    content = struct.pack(f">{1 + len(shape)}i", magic, *shape) + data.tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"magic": 2052}, "starts with 2052"),
        ({"magic": 0x03080000}, "starts with"),  # the wrong end first
        ({"shape": (-6, -5, 4)}, "(-6, -5, 4)"),
        ({"shape": (2**31 - 1,) * 3}, "claims the shape"),
        ({"shape": (2**31 - 1, 1, 1)}, "claims the shape"),
        ({"shape": (0, 5, 4)}, "(0, 5, 4)"),
        ({"shape": (6, 0, 4)}, "(6, 0, 4)"),
        ({"shape": (6, 5, 3)}, "more bytes than the 90"),
        ({"shape": (6, 5, 5)}, "fewer bytes than the 150"),
    ],
)
def test_idx_headers_that_lie(tmp_path, changes, word, zipped):
    suffix = ".gz" if zipped else ""
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{suffix}", zipped=zipped)
    assert load_images("mnist", tmp_path)[0].count == 6
    path = tmp_path / f"t10k-images-idx3-ubyte{suffix}"
    write_idx(path, **changes, zipped=zipped)
    with little_memory():
        refused(lambda: load_images("mnist", tmp_path), path, word)


def test_damaged_gzip_is_refused_even_where_only_its_checksum_tells(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    write_idx(path, zipped=True)
    whole = path.read_bytes()
    checksum = bytearray(whole)
    checksum[-8] ^= 1
    for damaged in (b"", whole[:5], whole[:-1], whole[:40], whole + whole, bytes(checksum)):
        path.write_bytes(damaged)
        refused(lambda: load_images("mnist", tmp_path), path)
    path.write_bytes(gzip.compress(struct.pack(">4i", 2051, 6, 5, 4) + bytes(200_000_000), 1))
    with little_memory():  # a bomb: no more than its header promises is read
        refused(lambda: load_images("mnist", tmp_path), path, "more bytes than the 120")


def test_idx_files_that_do_not_fit_together(tmp_path):
    train, test = (tmp_path / f"{part}-images-idx3-ubyte" for part in ("train", "t10k"))
    write_idx(train)
    refused(lambda: load_images("mnist", tmp_path), "has no t10k-images-idx3-ubyte")
    write_idx(test, PIXELS[:, :2])
    refused(lambda: load_images("mnist", tmp_path), tmp_path, "5 x 4 x 1", "2 x 4 x 1")
    write_idx(test)
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS[:4])
    refused(lambda: load_images("mnist", tmp_path), tmp_path, "4 labels for 6 images")
    write_idx(tmp_path / "train-labels-idx1-ubyte", LABELS + 5)
    refused(lambda: load_images("mnist", tmp_path), "train-labels", "label[5] contains 10")


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10"])
def test_a_data_dir_that_is_no_folder_is_not_passed_over(npz, tmp_path, dataset):
    """Else the user's own file would be ignored, and the public data downloaded."""
    npz()
    for path in (tmp_path / "mnist.npz", tmp_path / "none"):
        refused(lambda path=path: load_images(dataset, path), path, "`data_dir`", "folder")


def test_a_cifar_file_of_the_wrong_length_or_labels(tmp_path):
    records = np.zeros((4, 3073), "uint8")
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (tmp_path / name).write_bytes(records.tobytes())
    assert load_images("cifar10", tmp_path)[0].count == 4
    records[2, 0] = 10
    for damaged in (b"", bytes(3072), bytes(3074), records.tobytes()):
        (tmp_path / "test_batch.bin").write_bytes(damaged)
        refused(lambda: load_images("cifar10", tmp_path), "test_batch.bin is damaged")
    refused(lambda: load_images("cifar10", tmp_path), "label[2] contains 10")
    (tmp_path / "test_batch.bin").unlink()
    (tmp_path / "test_batch.bin").mkdir()
    refused(lambda: load_images("cifar10", tmp_path), "test_batch.bin")


# Downloads


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A network that gives the contents in a dictionary by their names, and a cache of its own."""
    contents = {}

    def urlretrieve(url, target, progress):
        name = url.rsplit("/", 1)[-1]
        if name not in contents:
            raise OSError("unreachable")
        Path(target).write_bytes(contents[name])

    cache = tmp_path / "keras"
    cache.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(cache))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(cache))  # read at its import
    monkeypatch.setattr(file_utils, "urlretrieve", urlretrieve)
    monkeypatch.setattr("genai_keras.data.images._folders", lambda *_: [])
    return cache / "datasets", contents


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("dataset", "name"), [("mnist", "mnist.npz"), ("cifar10", "cifar-10-python.tar.gz")]
)
def test_a_download_with_the_wrong_checksum_leaves_no_file(network, dataset, name):
    cache, contents = network
    contents[name] = b"<html>Please log in to this hotel's network</html>"
    refused(lambda: load_images(dataset), dataset, "corrupted file detected", "mnist5k")
    assert files_in(cache) == []


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["KERAS_HOME", "HOME"])
def test_damaged_files_are_removed_from_where_keras_keeps_them(tmp_path, variable):
    """In a process of its own: Keras looks at both when it is imported."""
    home = tmp_path / ".keras" if variable == "HOME" else tmp_path
    cache = home / "datasets" / "fashion-mnist"
    cache.mkdir(parents=True)
    for name in fashion():
        (cache / name).write_bytes(b"half a download")
    environment = {name: os.environ[name] for name in os.environ if name != "KERAS_HOME"}
    environment[variable] = str(tmp_path)
    code = "from genai_keras.data.downloads import download; download('fashion_mnist', None)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert "UserError: fashion_mnist could not be downloaded (Not a gzipped file" in done.stderr
    assert cache.is_dir() and not list(cache.iterdir())


def fashion(pixels=28):
    """Four files like Fashion-MNIST's, of fewer images."""
    images = gzip.compress(struct.pack(">4i", 2051, 6, pixels, pixels) + bytes(6 * pixels**2))
    labels = gzip.compress(struct.pack(">2i", 2049, 6) + LABELS.tobytes())
    return {
        f"{part}-{kind}-ubyte.gz": content
        for part in ("train", "t10k")
        for kind, content in (("images-idx3", images), ("labels-idx1", labels))
    }


def test_fashion_mnist_is_what_it_should_be_or_leaves_no_file(network):
    """Keras has no checksums of it: a half download was an error for ever, another file data."""
    cache, contents = network
    contents.update(fashion())
    refused(lambda: load_images("fashion_mnist"), "their checksum is different")
    assert files_in(cache) == []
    contents["t10k-images-idx3-ubyte.gz"] = contents["t10k-images-idx3-ubyte.gz"][:-9]
    refused(lambda: load_images("fashion_mnist"), "fashion_mnist could not be downloaded")
    assert files_in(cache) == []


def test_whole_files_survive_the_loss_of_the_network(network, monkeypatch):
    cache, contents = network
    contents.update(fashion())
    for name, content in contents.items():
        checksum = downloads.hashlib.sha256(gzip.decompress(content)).hexdigest()
        monkeypatch.setitem(downloads.CHECKSUMS, name, checksum)
        monkeypatch.setitem(downloads.FASHION_MNIST, name.removesuffix("-ubyte.gz"), checksum)
    last = contents.pop("t10k-images-idx3-ubyte.gz")
    refused(lambda: load_images("fashion_mnist"), "unreachable")
    assert files_in(cache) == sorted(contents)
    contents.clear()
    contents["t10k-images-idx3-ubyte.gz"] = last  # the only one that is still wanted
    assert load_images("fashion_mnist")[0].count == 6


def test_the_checksums_are_fashion_mnists(data_dir):
    for part, checksum in downloads.FASHION_MNIST.items():
        data = gzip.decompress((data_dir / "fashion-mnist" / f"{part}-ubyte.gz").read_bytes())
        assert downloads.hashlib.sha256(data).hexdigest() == checksum
        assert len(data) <= downloads.LARGEST


@pytest.mark.filterwarnings("ignore:Skipping invalid path")
def test_an_archive_with_members_that_lead_elsewhere(network, tmp_path, monkeypatch):
    """Even with the right checksum it writes nothing outside of its folder."""
    cache, contents = network
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("../evil", "../../../evil", str(tmp_path / "evil"), "good"):
            entry = tarfile.TarInfo(name)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"bad"))
    contents["cifar-10-python.tar.gz"] = file.getvalue()
    extracted = []
    monkeypatch.setattr(file_utils, "validate_file", lambda *_, **__: True)
    monkeypatch.setattr(
        downloads, "_remove_damaged", lambda name: extracted.extend(files_in(cache))
    )
    refused(lambda: load_images("cifar10"), "cifar10 could not be downloaded")
    assert extracted == ["cifar-10-batches-py-target_archive", "good"]
    assert not list(tmp_path.parent.rglob("evil"))


# Folders of images


@pytest.fixture
def images(tmp_path):
    where = tmp_path / "my images 图片"
    where.mkdir()
    for index in range(12):
        Image.fromarray(PIXELS[index % 6] ^ index).save(where / f"image {index} 猫.png")
    return where


def png_of(width, height):
    """A PNG of a few bytes that declares to be of any size."""
    return png_file(width, height, png_chunk(b"IDAT", zlib.compress(bytes(9))))


def gif_of(width, height):
    file = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(file, "gif")
    content = bytearray(file.getvalue())
    content[6:10] = struct.pack("<2H", width, height)
    return bytes(content)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


NOISE = Image.fromarray(RANDOM.integers(0, 256, (40, 40, 3), dtype="uint8"))
BAD_PICTURES = {
    "bomb.png": (png_of(50_000, 50_000), "pixels"),
    "warned of.png": (png_of(9_500, 9_500), "9500 x 9500 pixels, but at most 64,000,000"),
    "long.png": (png_of(2**31 - 1, 1), "pixels"),
    "bomb.gif": (gif_of(50_000, 50_000), "pixels"),
    "half.png": (saved(NOISE, "png")[:2000], "runcated"),
    "half.jpg": (saved(NOISE, "jpeg")[:700], "truncated"),
    "half.webp": (saved(NOISE, "webp")[:100], ""),
    "half.tif": (saved(NOISE, "tiff")[:3000], ""),
    "notes.jpeg": (b"Dear diary,\n", "identify"),
    "script.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "identify"),
    "empty.bmp": (b"", "identify"),
    "nan.tif": (saved(Image.fromarray(np.float32([[0, np.nan]])), "tiff"), "contains nan"),
    "large.tif": (saved(Image.fromarray(np.float32([[0, 200]])), "tiff"), "contains 200.0"),
    "deep.tif": (saved(Image.fromarray(np.int32([[0, 70000]])), "tiff"), "contains 70000"),
}


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["kept", "streamed"])
@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_image_that_cannot_be_used_is_named_at_once(images, name, memory, monkeypatch, capfd):
    content, word = BAD_PICTURES[name]
    (images / name).write_bytes(content)
    monkeypatch.setattr(folder, "MEMORY", memory)
    with little_memory(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a command: Pillow only warns of some
        refused(lambda: load_images("folder", images, image_size=8), images / name, word)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("memory", [1 << 30, 0], ids=["kept", "streamed"])
def test_images_of_every_kind_become_batches(images, memory, monkeypatch, capfd):
    monkeypatch.setattr(folder, "MEMORY", memory)
    grey = Image.fromarray(PIXELS[0])
    frames = [Image.fromarray(each) for each in PIXELS]
    frames[0].save(images / "moving.gif", save_all=True, append_images=frames[1:])
    NOISE.convert("CMYK").save(images / "print.jpg")
    NOISE.convert("CMYK").save(images / "print.tif")
    NOISE.quantize(16).save(images / "palette.png", transparency=3)
    NOISE.quantize(16).save(images / "palette.gif", transparency=3)
    NOISE.convert("LAB").save(images / "lab.tif")
    Image.fromarray(PIXELS[0] > 99).save(images / "one bit.png")
    Image.fromarray(PIXELS[0].astype("uint16") * 257).save(images / "deep.tif")
    Image.fromarray(np.float32(PIXELS[0] / 255)).save(images / "float.tif")
    grey.crop((0, 0, 1, 1)).save(images / "dot.png")
    grey.resize((20_000, 1)).save(images / "line.png")
    grey.resize((1, 20_000)).save(images / "column.bmp")
    parts = load_images("folder", images, image_size=4, batch_size=4)
    assert sum(part.count for part in parts) == 24
    for part in parts:
        assert everything(part).shape[1:] == (4, 4, 3)
    assert capfd.readouterr().err == ""


def test_deep_greys_are_the_same_image(tmp_path):
    for name, array in {
        "8.png": PIXELS[0],
        "16.png": PIXELS[0].astype("uint16") * 257,
        "32.tif": PIXELS[0].astype("int32"),
        "float.tif": np.float32(PIXELS[0] / 255),
    }.items():
        Image.fromarray(array).save(tmp_path / name)
        decoded = folder.decode_image(tmp_path / name, (5, 4, 1))
        assert np.array_equal(decoded[..., 0], PIXELS[0]), name


# Text, pairs, tokenizers


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "我们\t吃饭\n".encode("gb18030"),
            ["UTF-8 (see byte 0)", '`encoding=gb18030` "我们 吃饭"'],
        ),
        (
            ("我们吃饭" * 6 + "\t吃饭睡觉\n").encode("utf-16-le"),
            ["NUL", '`encoding=utf-16-le` "我们吃饭'],
        ),
        ("ab\tcd\n".encode("utf-16") + b"\0", ["is not in utf-16 (see byte 14)"]),
        (gzip.compress(b"a\tb\nc\td\n"), ["gzip -dc '", "/my 文.txt' > new.txt"]),
        (b"PK\x05\x06" + bytes(18), ["a zip file", "/my 文.txt' unpacked"]),
        (b"a\tb\n\xed\xa0\x80\tc", ["see byte 4"]),  # half of a surrogate pair
        (b"a\tb\nc\0\td", ["NUL (see byte 5)"]),
        (b"\xef\xbb\xbf", ["is empty"]),
        (b"", ["is empty"]),
    ],
)
def test_what_is_no_text_in_utf8(tmp_path, content, words):
    path = tmp_path / "my 文.txt"
    path.write_bytes(content)
    refused(lambda: load_text("text", path), path, *words)
    refused(lambda: load_pairs("pairs", path), path, *words)


@pytest.mark.parametrize("content", [b" \n", b"\t\t\n\t\n", b"\xef\xbb\xbf \n", b"\n" * 9])
def test_pairs_of_nothing(tmp_path, content):
    (tmp_path / "pairs.tsv").write_bytes(content)
    refused(lambda: load_pairs("pairs", tmp_path / "pairs.tsv"), "pairs.tsv has no pairs")


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_one_endless_line(tmp_path, tokenizer):
    path = tmp_path / "line.txt"
    path.write_text("a" * 300_000)
    assert load_text("text", path, tokenizer=tokenizer).train.count > 0
    refused(lambda: load_pairs("pairs", path), "line 1 of", "no tab")
    path.write_text("a" * 300_000 + "\tb\nc\td\n")
    refused(lambda: load_pairs("pairs", path, source_tokenizer=tokenizer), "`max_length=")


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for load, dataset in ((load_text, "text"), (load_pairs, "pairs")):
        refused(lambda load=load, dataset=dataset: load(dataset, tmp_path), "not the folder")
        for path, word in (
            (tmp_path / "none", "No such file"),
            (tmp_path / ("n" * 300), "too long"),
            (tmp_path / "pipe", "not an ordinary file"),
            (Path("/dev/zero"), "not an ordinary file"),
        ):
            refused(lambda load=load, d=dataset, path=path: load(d, path), path, word)


@contextlib.contextmanager
def as_nobody():
    """Permissions do not bind root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)


def test_what_may_not_be_read(npz, tmp_path):
    npz()
    for name in ("a.txt", "tokenizer.json", "train-images-idx3-ubyte", "a.png", "b.png"):
        (tmp_path / name).write_text("a\tb\n")
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    for path in tmp_path.iterdir():
        path.chmod(0)
    with as_nobody():
        refused(lambda: load_text("text", tmp_path / "a.txt"), "a.txt: Permission denied")
        refused(lambda: load_pairs("pairs", tmp_path / "a.txt"), "a.txt: Permission denied")
        refused(lambda: load_tokenizer(tmp_path / "tokenizer.json"), "json: Permission denied")
        refused(lambda: load_images("mnist", tmp_path), "mnist.npz", "Permission denied")
        refused(
            lambda: arrays.read_idx(tmp_path / "train-images-idx3-ubyte", 3), "Permission denied"
        )
        refused(lambda: load_images("folder", tmp_path), "a.png", "Permission denied")


@pytest.mark.parametrize(
    "facts",
    [
        [],
        3,
        "char",
        {"kind": "char"},
        {"kind": "word\n", "specials": []},
        {"kind": "char", "specials": [], "characters": ["ab", "c"]},
        {"kind": "char", "specials": [], "characters": "ba"},
        {"kind": "char", "specials": [], "characters": "aab"},
        {"kind": "char", "specials": [], "characters": "\ud800"},
        {"kind": "char", "specials": "ab", "characters": "ab"},
        {"kind": "char", "specials": ["a", "a"], "characters": "ab"},
        {"kind": "char", "specials": [[]], "characters": "ab"},
        {"kind": "bpe", "specials": [], "merges": [[97, 98, 99]]},
        {"kind": "bpe", "specials": [], "merges": [[97, 98.0]]},
        {"kind": "bpe", "specials": [], "merges": [[97, -1]]},
        {"kind": "bpe", "specials": [], "merges": [[97, 256]]},
        {"kind": "bpe", "specials": [], "merges": {"97": 98}},
        {"kind": "bpe", "specials": [], "merges": [[97, 97]] + [[n, n] for n in range(256, 300)]},
    ],
)
def test_a_tokenizer_that_none_has_written(tmp_path, facts):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(facts))
    with little_memory():  # the last one's longest piece would have 2 ** 45 bytes
        refused(lambda: load_tokenizer(path), path, "is not a tokenizer")
    path.write_text("[" * 100_000)
    refused(lambda: load_tokenizer(path), path)


# Runs


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run, and a function that rewrites its model.keras."""
    where = tmp_path / "runs" / "run"
    shutil.copytree(finished("gan"), where)
    path = where / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def rewrite(change=lambda config: config, **more):
        config = change(json.loads(members["config.json"]))
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**members, "config.json": json.dumps(config), **more}.items():
                archive.writestr(name, content)
        return where

    return rewrite


def marked_lambda(marker):
    """A Lambda layer whose code writes a file when it is run, as Keras saves it."""

    layer = keras.layers.Lambda(
        lambda x, path=str(marker): (open(path, "w").close(), x)[1], output_shape=(1,)
    )
    return keras.saving.serialize_keras_object(layer)


def test_nothing_in_a_model_is_run(run, tmp_path):
    marker = tmp_path / "marker"
    evil = marked_lambda(marker)
    unsafe = keras.saving.deserialize_keras_object(marked_lambda(marker), safe_mode=False)
    unsafe(np.zeros((1, 1)))
    assert marker.exists()  # the marker works
    marker.unlink()
    module = tmp_path / "evil_module.py"
    module.write_text(f"open({str(marker)!r}, 'w').close()\nclass GAN: pass\n")
    shell = {"class_name": "function", "config": "system", "module": "os", "registered_name": None}

    def with_lambda(config):
        config["config"]["generator"] = evil
        return config

    def with_layer(config):
        config["config"]["generator"]["config"]["layers"][1] = evil
        return config

    def with_function(config):
        config["config"]["generator"] = {**shell, "config": f"touch {marker}"}
        return config

    def with_class(config):
        return {**config, "module": "os", "class_name": "system", "registered_name": None}

    def with_module(config):
        return {**config, "module": "evil_module", "class_name": "GAN", "registered_name": "GAN"}

    def with_download(config):
        inner = {"fname": "evil", "origin": f"file://{module}", "cache_dir": str(tmp_path)}
        return {"module": "keras.utils", "class_name": "get_file", "config": inner,
                "registered_name": None}  # fmt: skip

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(tmp_path)
        for change in (
            with_lambda, with_layer, with_function, with_class, with_module, with_download
        ):  # fmt: skip
            before = files_in(tmp_path)
            where = run(change)
            refused(lambda where=where: load_run(where), "model.keras", "cannot be loaded")
            assert files_in(tmp_path) == before and not marker.exists(), change.__name__


@pytest.mark.filterwarnings("ignore:Skipping invalid path")  # Keras' own, which leaves them out
def test_members_of_a_model_that_lead_elsewhere(run, tmp_path):
    assert load_run(run()).task.name == "images"
    for name in ("../evil", "assets/../../evil", str(tmp_path / "evil")):
        where = run(**{name: b"bad", "assets/one": b"x"})
        refused(lambda where=where: load_run(where), "model.keras cannot be loaded")
    assert not list(tmp_path.rglob("evil"))


def test_a_damaged_model_is_not_loaded(run):
    """Keras alone reads weights with a flipped bit, as HDF5 has no checksum of them."""
    where = run()
    path = where / "model.keras"
    whole = path.read_bytes()
    for place in (50, len(whole) // 2, len(whole) * 3 // 4):
        flipped = bytearray(whole)
        flipped[place] ^= 16
        path.write_bytes(flipped)
        refused(lambda: load_run(where), "model.keras cannot be loaded")
    for damaged in (b"", whole[:30], whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(damaged)
        refused(lambda: load_run(where), "model.keras cannot be loaded")
    path.unlink()
    path.mkdir()
    refused(lambda: load_run(where), "model.keras cannot be loaded")


# The package


def dangers_in(source):
    """What a source says that can run code of a file, or write where the file says."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword):
            constant = node.value.value if isinstance(node.value, ast.Constant) else None
            if constant is not {"safe_mode": True, "allow_pickle": False}.get(node.arg, constant):
                yield node.arg
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("eval", "__import__"):
                yield node.func.id
        elif isinstance(node, ast.Attribute):
            if node.attr in ("enable_unsafe_deserialization", "extractall", "unpack_archive"):
                yield node.attr
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            yield from names & {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}


def test_the_package_trusts_no_file():
    for path in Path(genai_keras.__file__).parent.rglob("*.py"):
        assert not list(dangers_in(path.read_text(encoding="utf-8"))), path
    for danger in ("f(safe_mode=False)", "f(allow_pickle=True)", "f(safe_mode=off)", "eval('1')",
                   "a.extractall()", "keras.config.enable_unsafe_deserialization()",
                   "import pickle", "from pickle import load"):  # fmt: skip
        assert list(dangers_in(danger)), danger
