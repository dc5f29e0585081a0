"""What several tests use."""

import csv
import importlib
import io
import json
import re
import signal
import struct
import zipfile
import zlib
from datetime import date

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from genai_keras import __main__, train_flow, train_gan, train_lm, train_seq2seq, train_vae
from genai_keras.callbacks.images import ImageGrid
from genai_keras.cli.image_options import ImageConfig
from genai_keras.errors import UserError
from genai_keras.models.gan import GAN
from genai_keras.networks import dcgan, dense

# Every command with the class of its options: what all commands must do is tried with all of these.
COMMANDS = {
    name: importlib.import_module(f"genai_keras.{name}").main.config_class
    for name in (*__main__.COMMANDS, "train_lenet")
}
FEW = ["--limit", "64", "--batch-size", "16"]
DIGITS = [*FEW, "--latent-dim", "4"]
WORDS = ["--width", "8", "--num-heads", "2", "--num-layers", "2", "--steps-per-epoch", "4"]
DENSE = ["--preset", "mlp", "--generator-widths", "16", "--discriminator-widths", "16"]
UNET = [
    *(*FEW, "--widths", "4", "4", "--dense-units", "8", "--time-width", "8", "--steps", "2"),
    *("--warmup-steps", "0"),
]
# Small runs of each kind, one epoch each; the fixture `finished` trains them.
RUNS = {
    "gan": (train_gan.main, [*DIGITS, *DENSE]),
    "conditional-gan": (
        train_gan.main,
        # So fast that its images are no longer all grey after one epoch.
        [*DIGITS, "--conditional", "--generator-widths", "4", "4", "--learning-rate", "0.05"],
    ),
    "numbers": (
        train_gan.main,
        ["--preset", "dense-1d", "--limit", "2048", "--latent-dim", "4"],
    ),
    "vae": (train_vae.main, [*DIGITS, "--widths", "4", "4", "--dense-units", "8"]),
    "conditional-vae": (
        train_vae.main,
        [*DIGITS, "--preset", "dense", "--conditional", "--no-binarize", "--widths", "8"],
    ),
    "flow": (train_flow.main, UNET),
    "conditional-flow": (
        train_flow.main,
        [*UNET, "--network", "dense", "--conditional", "--binarize", "--guidance", "2"],
    ),
    "flow-of-numbers": (
        train_flow.main,
        ["--preset", "line", "--limit", "2048", "--widths", "8", "--time-width", "8"],
    ),
    "small-vae": (train_vae.main, [*DIGITS, "--preset", "dense", "--image-size", "8"]),
    "text": (train_lm.main, [*WORDS, "--context-length", "8"]),
    "pixels": (train_lm.main, [*WORDS, "--preset", "pixels", "--image-size", "8"]),
    "pairs": (train_seq2seq.main, WORDS),
}

# What the training doctor adds to the history of a model of images.
LOOKS = {"roughness", "brightness_outside", "border_outside", "contrast_outside"}

SHORT = [
    *(*WORDS, "--num-layers", "1", "--num-heads", "1", "--batch-size", "4", "--dropout", "0.2"),
    *("--schedule", "constant"),  # may be made longer
]
# Small runs of the commands that train, which take what `write_data` writes.
TRAINING = {
    "train_gan": [*DIGITS, *DENSE],
    "train_vae": [
        *(*DIGITS, "--preset", "dense", "--widths", "8"),
        *("--schedule", "constant", "--warmup-epochs", "2"),
    ],
    "train_flow": [*UNET, "--network", "dense", "--schedule", "constant"],
    "train_lm": [*SHORT, "--context-length", "8"],
    "train_seq2seq": SHORT,
}
MAINS = {command: importlib.import_module(f"genai_keras.{command}").main for command in TRAINING}
OF_IMAGES = [command for command in TRAINING if issubclass(COMMANDS[command], ImageConfig)]


def write_data(command, folder):
    """Writes the small file that one of `TRAINING` reads, if it reads one; returns its options."""
    if command == "train_lm":
        path = folder / "verse.txt"
        path.write_text("The cat sat on the mat,\nand that was that.\n" * 20, encoding="utf-8")
        return ["--dataset", "text", "--data-dir", str(path)]
    if command == "train_seq2seq":
        path = folder / "pairs.tsv"
        lines = [f"I have {n} {thing}.\tJ'ai {n} {chose}.\n" for n in range(30)
                 for thing, chose in (("cats", "chats"), ("dogs", "chiens"))]  # fmt: skip
        path.write_text("".join(lines), encoding="utf-8")
        return ["--dataset", "pairs", "--data-dir", str(path)]
    return []


COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "deep blue": (0, 0, 255)}


def write_colours(folder, count=20):
    """A subfolder for each of the `COLOURS`, with images that differ in how bright they are."""
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixel = np.array(colour) * (1 - 0.01 * index)
            image = Image.fromarray(np.full((8, 8, 3), pixel.round(), "uint8"))
            image.save(folder / name / f"{index}.png")


def colours_of(images):
    """The name of the nearest of the `COLOURS`, for each of `(n, height, width, 3)` pixels."""
    distances = [np.abs(images - np.array(each)).mean(axis=(1, 2, 3)) for each in COLOURS.values()]
    return [list(COLOURS)[place] for place in np.argmin(distances, axis=0)]


def refused(call, *wanted):
    """The message of the `UserError` of a call: one line, with all the wanted words."""
    with pytest.raises(UserError) as failure:
        call()
    message = str(failure.value)
    assert message.isprintable() and len(message) < 800
    for each in wanted:
        assert str(each) in message, message
    return message


def png_chunk(kind, content, checksum=None):
    """A part of a PNG with its length and its checksum, or a wrong one."""
    checksum = zlib.crc32(kind + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_file(width, height, *chunks, bits=8, colour=0):
    """A PNG of whole chunks between its header and its end; it may declare to be of any size."""
    header = struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def saved_arrays(path):
    """Every array in a `.keras` file by its name: weights, slots, counters, random states."""
    arrays = {}
    with (
        zipfile.ZipFile(path) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file,
    ):
        file.visititems(
            lambda name, item: (
                arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return arrays


def assert_same_bits(path, other):
    """Two `.keras` files hold the same arrays, bit for bit."""
    ours, theirs = saved_arrays(path), saved_arrays(other)
    assert ours.keys() == theirs.keys()
    different = [n for n in ours if ours[n].tobytes() != theirs[n].tobytes()]
    assert not different


def make_gan(network="dense", shape=(8, 8, 1), seed=0, rate=1e-3, **compile_arguments):
    """A small compiled GAN."""
    keras.utils.set_random_seed(seed)
    if network == "dcgan":
        networks = (
            dcgan.build_dcgan_generator(4, shape, (8, 4)),
            dcgan.build_dcgan_discriminator(shape, (4, 8)),
        )
    else:
        networks = (
            dense.build_dense_generator(4, shape, (16,), normalize=True),
            dense.build_dense_discriminator(shape, (16,)),
        )
    gan = GAN(*networks, ema_decay=0.9, seed=seed)
    gan.compile(
        keras.optimizers.Adam(rate, beta_1=0.5),
        keras.optimizers.Adam(rate, beta_1=0.5),
        **compile_arguments,
    )
    return gan


def random_images(count=32, shape=(8, 8, 1), seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, *shape)).astype("float32")


def snapshot(model):
    return [np.array(v) for v in model.variables]


def equal(ours, theirs):
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def history(folder):
    """The rows of a run's `history.csv`."""
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def mutated(data, random):
    """Bytes with one to three accidents: flips, cuts, repetitions, insertions."""
    data = bytearray(data)
    for _ in range(random.integers(1, 4)):
        start, end = sorted(random.integers(0, len(data) + 1, 2))
        kind = random.integers(5)
        if kind == 0 and data:
            data[random.integers(len(data))] ^= 1 << random.integers(8)
        elif kind == 1:
            del data[start:end]
        elif kind == 2:
            data[start:start] = data[start:end][:200]
        elif kind == 3:
            data[start:start] = random.bytes(random.integers(1, 9))
        else:
            data[start:end] = random.permutation(list(data[start:end])).astype("uint8").tobytes()
    return bytes(data)


def grid_in(path, columns, rows, side):
    """One channel of a grid of square images in a file, not enlarged and without its labels."""
    height, width = rows * (side + 2) + 2, columns * (side + 2) + 2
    factor = -(-560 // width)
    with Image.open(path) as image:
        pixels = np.asarray(image)[-height * factor :, -width * factor :, 0]
    assert pixels.shape == (height * factor, width * factor)
    return pixels[::factor, ::factor].astype(int)


def newest_manifest(folder):
    """What the newest checkpoint of a run says of itself."""
    return json.loads(max((folder / "checkpoints").glob("step_*.json")).read_text())


def raise_signal_at(monkeypatch, number, step, callback=ImageGrid):
    """Raises a signal in the process itself during the `step`-th training step of a run.

    Args:
        callback: a class of which the run has one.
    """
    seen = []

    def on_train_batch_end(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == step:
            signal.raise_signal(number)

    monkeypatch.setattr(callback, "on_train_batch_end", on_train_batch_end)


def trained_straight_and_in_two(make, data, folder):
    """Two epochs of a model at once, and with a file in between: both end with the same bits.

    Args:
        make: a function that makes the model, compiled, always with the same weights.
        data: batches.
        folder: for the files.

    Returns:
        Both models.
    """
    first = make()
    first.fit(data, epochs=1, verbose=0, shuffle=False)
    first.save(folder / "first.keras")
    straight = make()
    straight.fit(data, epochs=2, verbose=0, shuffle=False)
    keras.utils.set_random_seed(9)
    again = keras.saving.load_model(folder / "first.keras")
    again.fit(data, epochs=1, verbose=0, shuffle=False)
    for name, model in (("straight", straight), ("again", again)):
        model.save(folder / f"{name}.keras")
    assert_same_bits(folder / "straight.keras", folder / "again.keras")
    return straight, again


def is_that_day(source, written):
    """Whether an ISO date is the one that an English one means, found without our tables."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return False
    numbers = [int(number) for number in re.findall(r"\d+", source)]
    month = day.strftime("%b").lower() in source.lower() or day.month in numbers
    weekday = re.search(r"(\w+)day\b", source.lower())
    return (
        month
        and day.year in numbers
        and day.day in numbers
        and (weekday is None or day.strftime("%A").lower() == weekday.group())
    )
