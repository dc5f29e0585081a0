"""GAN, VAE, flow and pixel model side by side: each trains for the same CPU time, then is measured.

    python tests/benchmarks/benchmark_families.py [--seconds 300] [--data-dir DATA] [gan] [flow] ...

Two short runs of each tell what an epoch costs. Without `--data-dir`, all learn the 4,500 digits
that need no download. The pixel model learns 14x14 digits in black and white, so its distances are
to other images; its likelihood is on the ladder of the VAE and the flow that end in `-14`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL = ["--image-size", "14"]
FAMILIES = {
    "gan": ["train_gan"],
    "vae": ["train_vae"],
    "flow": ["train_flow"],
    "pixels": ["train_lm", "--preset", "pixels"],
    "vae-14": ["train_vae", "--preset", "wide", *SMALL],
    "flow-14": ["train_flow", "--binarize", "--widths", "64", *SMALL],
}
FIGURES = (
    "frechet_distance", "precision", "recall", "class_coverage", "log_likelihood", "iw_bound_100",
    "dequantized_bound",
)  # fmt: skip


def run(command, *argv):
    """Runs a command of the package; its CPU seconds, and those by the wall."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = [sys.executable, "-m", f"genai_keras.{command}", *map(str, argv)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(getattr(after, n) - getattr(before, n) for n in ("ru_utime", "ru_stime"))
    return cpu, time.perf_counter() - start


def epochs_for(seconds, train, folder):
    """How many epochs take so many CPU seconds, with the start."""
    one, _ = run(*train, "--epochs", 1, "--run-dir", folder / "one")
    three, _ = run(*train, "--epochs", 3, "--run-dir", folder / "three")
    each = (three - one) / 2
    return max(1, round((seconds - (one - each)) / each))


def measured(name, seconds, data, folder):
    """A row of the table: what a family reaches, by name."""
    train = [*FAMILIES[name], *data, "--verbose", "0"]
    epochs = epochs_for(seconds, train, folder)
    cpu, wall = run(*train, "--epochs", epochs, "--run-dir", folder / name)
    figures = folder / "figures.json"
    count = ["--samples", 1_000, "--likelihoods", 200]
    run("evaluate", folder / name, *count, "--json", figures)
    found = json.loads(figures.read_text())[str(folder / name)]
    few, _ = run("generate", folder / name, "--count", 1, "--out", folder / "few.npy")
    many, _ = run("generate", folder / name, "--count", 1_001, "--out", folder / "many.npy")
    row = {"epochs": epochs, "CPU s": round(cpu), "s": round(wall)}
    row |= {figure: round(found[figure]["value"], 3) for figure in FIGURES if figure in found}
    return {**row, "CPU s of 1,000 samples": round(many - few, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FAMILIES)}; all if none is named")
    parser.add_argument("--seconds", type=float, default=300, help="CPU seconds of each training")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST")
    parser.add_argument("--keep", type=Path, help="folder in which to keep the runs")
    arguments = parser.parse_args()
    data = []
    if arguments.data_dir:
        data = ["--dataset", "mnist", "--data-dir", arguments.data_dir.resolve()]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in arguments.names or FAMILIES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(arguments.keep or scratch)
            row = measured(name, arguments.seconds, data, folder / f"of-{name}")
        print(f"{name:8} " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
