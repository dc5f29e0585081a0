"""What a folder of images costs to open, from a thousand to a million images.

    python tests/benchmarks/benchmark_growth.py [--counts 1000 10000 100000 1000000]

The images are digits of 28x28 in grey, each in a PNG of its own, in folders of 1,000. They are
opened as a folder larger than memory: once, and once again. Each is a process of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

from genai_keras.data.plain_png import HEADER, PNG

IN_ONE_FOLDER = 1_000
OPEN = """
import resource, sys, time
from genai_keras.cli.environment import own_settings
with own_settings():
    from genai_keras.data import folder
    folder.MEMORY = 0
    before, begun = resource.getrusage(0).ru_maxrss, time.process_time()
    parts, _, _ = folder.read_folder(sys.argv[1], 28)
    count = sum(len(part.paths) for part in parts)
    print(count, time.process_time() - begun, resource.getrusage(0).ru_maxrss - before, before)
"""


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", type=int, nargs="+", default=[10**n for n in (3, 4, 5, 6)])
    counts = parser.parse_args().counts
    print("| images | open, CPU time | again | memory | bytes an image |\n|---|---|---|---|---|")
    for count in counts:
        with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as cache:
            write_images(Path(place), count)
            found = []
            for _ in range(2):
                ended = subprocess.run(
                    [sys.executable, "-c", OPEN, place],
                    env={**os.environ, "XDG_CACHE_HOME": cache},
                    check=True, text=True, stdout=subprocess.PIPE,
                )  # fmt: skip
                found.append(list(map(float, ended.stdout.split())))
            (opened, first, kib, before), (_, again, *_) = found
            assert opened == count
            print(f"| {count:,} | {first:.1f} s | {again:.1f} s | {(kib + before) / 1024:,.0f} MiB "
                  f"| {1024 * kib / count:,.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
