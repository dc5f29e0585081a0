"""What a folder of images costs to start from, from a thousand to a million images.

    python tests/benchmarks/benchmark_growth.py [--counts 1000 10000 100000 1000000]

The images are digits of 28x28 in grey, each different, in a PNG of its own, in folders of 1,000.
The default GAN begins to learn them and stops at once: for the first time, once again, and from a
pack. Each is the whole command in a process of its own. A million images take 4 GB of disk for a
while. `--plot FILE` draws the table.
"""

import argparse
import os
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from genai_keras.data.plain_png import HEADER, PNG
from genai_keras.plots.figures import draw

IN_ONE_FOLDER = 1_000
LIMIT = 2048  # MiB
TRAIN = (
    "genai_keras.train_gan", "--dataset", "folder", "--image-size", "28", "--max-minutes", "0.001",
    "--verbose", "0", "--overwrite",
)  # fmt: skip


def write_images(place, count):
    random = np.random.default_rng(0)
    header = png_part(b"IHDR", HEADER.pack(28, 28, 8, 0, 0, 0, 0))
    end = png_part(b"IEND", b"")
    blank = np.zeros((28, 29), "uint8")  # with the filter of each row
    for number in range(count):
        folder = place / str(number // IN_ONE_FOLDER)
        if number % IN_ONE_FOLDER == 0:
            folder.mkdir()
        blank[8:20, 9:21] = random.integers(0, 256, (12, 12))
        pixels = png_part(b"IDAT", zlib.compress(blank.tobytes(), 1))
        (folder / f"{number}.png").write_bytes(PNG + header + pixels + end)


def png_part(kind, content):
    length, checksum = len(content), zlib.crc32(kind + content)
    return length.to_bytes(4, "big") + kind + content + checksum.to_bytes(4, "big")


def cost(cache, *words):
    """CPU seconds and peak memory in MiB of a command of ours."""
    command = [sys.executable, "-m", *map(str, words)]
    process = os.posix_spawn(sys.executable, command, {**os.environ, "XDG_CACHE_HOME": str(cache)})
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(count):
    """The costs by name for a number of images."""
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as other:
        images, run, pack = Path(place), Path(other, "run"), Path(other, "pack")
        write_images(images, count)
        train = [other, *TRAIN, "--run-dir", run, "--data-dir"]
        return {
            "first start": cost(*train, images),
            "second start": cost(*train, images),
            "pack": cost(other, "genai_keras.pack", images, "--image-size", "28", "--out", pack),
            "start from the pack": cost(*train, pack),
        }


def paint(figure, counts, found):
    """Draws time and memory against the number of images, a line for each command."""
    time, memory = figure.subplots(1, 2)
    for place, (axes, what) in enumerate(((time, "CPU seconds"), (memory, "peak memory in MiB"))):
        for name in found[0]:
            axes.plot(counts, [each[name][place] for each in found], "o-", label=name)
        axes.set(xscale="log", xlabel="images", title=what)
    time.set(yscale="log")
    memory.set(ylim=(0, 1.1 * LIMIT))
    memory.axhline(LIMIT, color="grey", linestyle="--")
    time.legend()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", type=int, nargs="+", default=[10**n for n in (3, 4, 5, 6)])
    parser.add_argument("--plot", type=Path, help="file for a plot (.png)")
    arguments = parser.parse_args()
    found = []
    for count in arguments.counts:
        found.append(measure(count))
        if len(found) == 1:
            print(f"| images | {' | '.join(found[0])} |\n|{'---|' * (1 + len(found[0]))}")
        cells = [f"{seconds:.1f} s, {memory:,.0f} MiB" for seconds, memory in found[-1].values()]
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)
    if arguments.plot:
        drawn = draw(lambda figure: paint(figure, arguments.counts, found), figsize=(9, 3.5))
        Image.fromarray(drawn).save(arguments.plot)


if __name__ == "__main__":
    main()
