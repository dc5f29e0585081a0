"""What it costs to start: time and memory, each in a process of its own, in turns.

    python tests/benchmarks/benchmark_start.py [--rounds 5]
    PYTHONPATH=OTHER python tests/benchmarks/benchmark_start.py  # of the package in OTHER

The three rows are `import tensorflow` alone, `train_gan` from its start to the end of its first
training step, and what `generate` needs for 64 images beyond importing TensorFlow and Keras.
The memory is the largest that the process had.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

# Each prints the CPU time of its process, the clock, and the largest memory in KiB.
MEMORY = "__import__('resource').getrusage(0).ru_maxrss"
IMPORT = f"""
import time
import tensorflow
print(time.process_time(), time.time(), {MEMORY})
"""
FIRST_STEP = f"""
import os, sys, time
from genai_keras import train_gan
from genai_keras.cli.environment import own_settings
with own_settings():
    from genai_keras.training.divergence import DivergenceStop
def end(self, batch, logs=None):
    print(time.process_time(), time.time(), {MEMORY}, flush=True)
    os._exit(0)
DivergenceStop.on_train_batch_end = end
train_gan.main(["--run-dir", sys.argv[1], "--verbose", "0"])
"""
GENERATE = f"""
import sys, time
from genai_keras import generate
from genai_keras.cli.environment import own_settings
with own_settings():
    begun = time.process_time(), time.time()
    assert generate.main([sys.argv[1]]) == 0
print(time.process_time() - begun[0], time.time() - begun[1], {MEMORY})
"""
ROWS = {
    "import tensorflow": (IMPORT, ""),
    "train_gan, to the first step": (FIRST_STEP, "new"),
    "generate, beyond the import": (GENERATE, "finished"),
}


def measure(script, folder):
    """CPU and wall-clock seconds of a process, and its memory in MiB."""
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    begun = time.time()
    ended = subprocess.run(
        [sys.executable, "-c", script, folder],
        env=quiet, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    cpu, clock, kib = map(float, ended.stdout.split()[-3:])
    return cpu, clock - begun if clock > begun else clock, kib / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found = {name: [] for name in ROWS}
    with tempfile.TemporaryDirectory() as folder:
        train = [sys.executable, "-m", "genai_keras.train_gan", "--epochs", "1", "--limit", "128"]
        subprocess.run([*train, "--run-dir", f"{folder}/finished", "--verbose", "0"], check=True)
        for number in range(rounds):
            for name, (script, where) in ROWS.items():
                where = f"{folder}/{where}{number if where == 'new' else ''}"
                found[name].append(measure(script, where))
    print(f"{'':30}  CPU s  wall s     MiB   (medians of {rounds})")
    for name, times in found.items():
        cpu, wall, memory = map(statistics.median, zip(*times, strict=True))
        print(f"{name:30} {cpu:6.1f} {wall:7.1f} {memory:7.0f}")


if __name__ == "__main__":
    main()
