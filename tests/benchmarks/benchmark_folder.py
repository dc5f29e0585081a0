"""What a folder of images costs: to open it, and to stream it beside training, also once packed.

    python tests/benchmarks/benchmark_folder.py [--count 20000] [--rounds 5] [--steps 40]
    python tests/benchmarks/benchmark_folder.py --rates

Everything is compared with decoding alone: a loop of Pillow over the same files. The two sides of
each comparison run in turns, in one process. `--rates` measures only how many images a second are
read from the folder and from a pack, with their files in the system's cache, and once it has been
asked to forget them.
"""

import argparse
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from timing import cost

import genai_keras.cli.quiet  # noqa: F401
from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.parsing import parse_config
from genai_keras.data import folder
from genai_keras.data.images import load_images, to_pixels
from genai_keras.data.packs import pack_folder
from genai_keras.models.gan import GAN
from genai_keras.networks.gan import build_gan_networks

BATCH = 64
KINDS = {"28 x 28, grey PNG": ("mnist5k", 28, "png"), "64 x 64, colour JPEG": ("photos", 64, "jpg")}


def write_images(place, dataset, size, suffix, count):
    """Real images, moved by some pixels if there are not enough of them."""
    train, _ = load_images(dataset, image_size=size)
    pixels = to_pixels(train.first(train.count))
    for number in range(count):
        turn, index = divmod(number, len(pixels))
        image = np.roll(pixels[index], turn, axis=1)
        Image.fromarray(image.squeeze()).save(place / f"{number}.{suffix}")


def decode_all(paths):
    for path in paths:
        with Image.open(path) as image:
            np.asarray(image)


def in_turns(rounds, *calls):
    """Medians of wall-clock and CPU milliseconds of each call, `(calls, 2)`, once they are warm."""
    spans = [[cost(*call) for call in calls] for _ in range(rounds + 1)]
    return np.median(spans[1:], axis=0)


def trainer(batches, size, steps):
    """A function that trains the default GAN for some steps."""
    config = parse_config(GANConfig, ["--image-size", str(size)])
    gan = GAN(*build_gan_networks(sample_shape=batches.element_shape, **config.networks()))
    gan.compile(keras.optimizers.Adam(1e-3, 0.5), keras.optimizers.Adam(1e-3, 0.5))

    def train(data):
        gan.fit(data, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)

    return train


def open_folder(place, size, cache, memory):
    """Opens a folder with a cache of what is known, and so many bytes of memory for pixels."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    former, folder.MEMORY = folder.MEMORY, memory
    try:
        folder.read_folder(place, size)
    finally:
        folder.MEMORY = former


def measure(place, cache, size, arguments):
    """Prints the rows of a folder."""
    paths = sorted(place.iterdir())
    ways = {
        "open": (os.devnull, folder.MEMORY),  # no folder for a cache
        "open again": (cache, folder.MEMORY),
        "open again, larger than memory": (cache, 0),
    }
    calls = [(open_folder, place, size, *way) for way in ways.values()]
    (_, decoding), *spans = in_turns(arguments.rounds, (decode_all, paths), *calls)
    for name, (_, opening) in zip(ways, spans, strict=True):
        print(f"| {name}, {len(paths):,} files | {decoding / 1000:.2f} s | {opening / 1000:.2f} s "
              f"| {opening / decoding:.2f} |")  # fmt: skip
    kept, _ = load_images("folder", place, BATCH, image_size=size)
    memory, folder.MEMORY = folder.MEMORY, 0
    streamed, _ = load_images("folder", place, BATCH, image_size=size)
    folder.MEMORY = memory

    def stream():
        for _ in streamed.shuffled().take(arguments.steps):
            pass

    some = paths[: BATCH * arguments.steps]
    spans = in_turns(arguments.rounds, (decode_all, some), (stream,)) / arguments.steps
    (_, decoding), (_, batch) = spans
    print(f"| stream a batch of {BATCH} | {decoding:.2f} ms | {batch:.2f} ms "
          f"| {batch / decoding:.2f} |")  # fmt: skip
    train = trainer(kept, size, arguments.steps)
    calls = [(train, batches.shuffled()) for batches in (kept, streamed)]
    spans = in_turns(arguments.rounds, *calls) / arguments.steps
    for name, (before, after) in zip(("wall-clock", "CPU time"), spans.T, strict=True):
        print(f"| train a step, {name} | {before:.1f} ms from memory | {after:.1f} ms streamed "
              f"| {after / before:.2f} |")  # fmt: skip


def forget(folder):
    """Asks the system to drop the files of a folder from its cache."""
    os.sync()  # what is not yet written stays
    for path in folder.rglob("*.*"):
        number = os.open(path, os.O_RDONLY)
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(number)


def measure_rates(name, place, size, arguments):
    """Prints the row of a folder: images a second, cold and warm, of it and of its pack."""
    pack = place.with_name("pack")
    pack_folder(place, pack, size)
    memory, folder.MEMORY = folder.MEMORY, 0
    parts = [load_images("folder", each, BATCH, image_size=size)[0] for each in (place, pack)]
    folder.MEMORY = memory
    found = {False: [], True: []}
    for turn in range(arguments.rounds):
        for is_warm in (False, True):
            for where, part in zip((place, pack), parts, strict=True):
                if not is_warm:
                    forget(where)
                batches = part.shuffled(turn * arguments.steps).take(arguments.steps)
                wall, _ = cost(lambda batches=batches: [None for _ in batches])
                found[is_warm].append(1000 * BATCH * arguments.steps / wall)
    cells = [np.median(rates[side::2]) for rates in found.values() for side in (0, 1)]
    print(f"| {name} | {' | '.join(f'{cell:,.0f}' for cell in cells)} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20_000, help="of files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help="a round")
    parser.add_argument("--rates", action="store_true", help="of a folder and its pack only")
    arguments = parser.parse_args()
    if arguments.rates:
        print("| images a second | folder, cold | pack, cold | folder, warm | pack, warm |")
        print("|---|---|---|---|---|")
    for name, (dataset, size, suffix) in KINDS.items():
        if not arguments.rates:
            print(f"\n| {name} | decoding alone | ours | ratio |\n|---|---|---|---|")
        with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as cache:
            images = Path(place, "images")
            images.mkdir()
            write_images(images, dataset, size, suffix, arguments.count)
            if arguments.rates:
                measure_rates(name, images, size, arguments)
            else:
                measure(images, cache, size, arguments)


if __name__ == "__main__":
    main()
