"""Trainings at full settings: what each reaches, beside what the README says of it.

    python tests/benchmarks/benchmark_training.py [dates] [sort] [shakespeare] [density] [lenet]

Some minutes of CPU time each; the suite shows the same laws on smaller worlds. Shakespeare and
LeNet need real data: set GENAI_KERAS_DATA, as for the tests. The exit code is 1 if one falls short.
"""

import argparse
import csv
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from genai_keras import train_gan, train_lenet, train_lm, train_seq2seq
from genai_keras.data.images import load_images
from genai_keras.data.toy import GaussianMixture
from genai_keras.evaluation.features import LeNetFeatures, load_lenet
from genai_keras.runs import load_run

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the helpers of the tests
from helpers import history, is_that_day

DATA = os.environ.get("GENAI_KERAS_DATA", Path(__file__).parents[3] / "shared" / "data")


def translations(main, folder, *argv):
    assert main([*argv, "--run-dir", str(folder), "--verbose", "0"]) == 0
    with open(folder / "translations.tsv", encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


def dates(folder):
    """Unseen dates that are read rightly, held against the calendar of the standard library."""
    rows = translations(train_seq2seq.main, folder)
    right = [written == target and is_that_day(source, written) for source, written, target in rows]
    return np.mean(right), ">=", 0.995


def sort(folder):
    """Unseen lists that are sorted rightly."""
    rows = translations(train_seq2seq.main, folder, "--dataset", "sort")
    return np.mean([written == "".join(sorted(source)) for source, written, _ in rows]), ">=", 1.0


def shakespeare(folder):
    """Nats a character of Tiny Shakespeare's last tenth; nanoGPT gives 1.88 at this size."""
    text = str(Path(DATA) / "tinyshakespeare.txt")
    argv = ["--dataset", "text", "--data-dir", text, "--batch-size", "12", "--verbose", "0"]
    assert train_lm.main([*argv, "--run-dir", str(folder)]) == 0
    return float(history(folder)[-1]["val_loss"]), "<=", 1.88


def density(folder):
    """The Wasserstein-1 distance of a dense GAN's numbers to the mixture that it learns."""
    argv = ["--preset", "dense-1d", "--run-dir", str(folder), "--verbose", "0"]
    assert train_gan.main(argv) == 0
    numbers = load_run(folder).model.generate(20_000, seed=1)
    return GaussianMixture().wasserstein(numbers), "<=", 0.15


def lenet(folder):
    """The accuracy of a LeNet on MNIST's test images after one epoch."""
    path = folder.parent / "lenet.npz"
    argv = ["--data-dir", str(DATA), "--out", str(path), "--epochs", "1", "--verbose", "0"]
    assert train_lenet.main(argv) == 0
    _, test = load_images("mnist", DATA, value_range=(0, 1))
    found = LeNetFeatures(load_lenet(path)).classify(test.first(test.count))
    return np.mean(found == test.labels), ">=", 0.97


TRAININGS = {each.__name__: each for each in (dates, sort, shakespeare, density, lenet)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TRAININGS)}; all if none is named")
    names = parser.parse_args().names or list(TRAININGS)
    if unknown := set(names) - set(TRAININGS):
        parser.error(f"there is no {', '.join(unknown)}: name some of {', '.join(TRAININGS)}")
    short = 0
    for name in names:
        cpu = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            value, sign, wanted = TRAININGS[name](Path(folder) / "run")
        reached = value >= wanted if sign == ">=" else value <= wanted
        short += not reached
        verdict = "" if reached else ": TOO SHORT"
        seconds = time.process_time() - cpu
        print(f"{name:12} {value:.4f} (promised {sign} {wanted}), {seconds:.0f} s{verdict}")
    sys.exit(short > 0)


if __name__ == "__main__":
    main()
