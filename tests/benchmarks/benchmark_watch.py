"""What the watch on divergence costs: CPU time of one look at all numbers, spread over its steps.

    python tests/benchmarks/benchmark_watch.py

Steps and looks take turns within one process, so that another process' load weighs on both.
"""

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from pathlib import Path

import keras

import genai_keras.cli.quiet  # noqa: F401
from genai_keras import train_gan, train_lm, train_seq2seq, train_vae
from genai_keras.training import run
from genai_keras.training.divergence import INTERVAL, Numbers

COMMANDS = {
    "train_gan": (train_gan, []),
    "train_gan --preset mlp": (train_gan, ["--preset", "mlp"]),
    "train_gan --preset dense-1d": (train_gan, ["--preset", "dense-1d"]),
    "train_vae": (train_vae, []),
    "train_lm": (train_lm, []),
    "train_seq2seq": (train_seq2seq, []),
}


def measure(model, train, steps, rounds):
    """CPU milliseconds of a training step, and of a look, medians over the rounds."""
    numbers, rows = Numbers(model), []

    class Turns(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begun = time.process_time()

        def on_epoch_end(self, epoch, logs=None):
            middle = time.process_time()
            for _ in range(20):
                numbers.lost()
            rows.append(((middle - self.begun) / steps, (time.process_time() - middle) / 20))

    model.fit(
        train.shuffled(), steps_per_epoch=steps, epochs=rounds + 1, callbacks=[Turns()],
        shuffle=False, verbose=0,
    )  # fmt: skip
    return [1000 * statistics.median(column) for column in zip(*rows[1:], strict=True)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30, help="a round")
    arguments = parser.parse_args()
    print(f"{'command':30}{'step ms':>9}{'look ms':>9}   share of a step, a look in {INTERVAL}")
    for name, (module, argv) in COMMANDS.items():

        def instead(model, train, *_, name=name, **__):
            step, look = measure(model, train, arguments.steps, arguments.rounds)
            print(f"{name:30}{step:9.2f}{look:9.3f}   {100 * look / INTERVAL / step:.2f} %")
            raise KeyboardInterrupt

        run.run_training = instead
        folder = Path(tempfile.mkdtemp()) / "run"
        with contextlib.redirect_stderr(io.StringIO()):  # "interrupted"
            module.main([*argv, "--run-dir", str(folder)])


if __name__ == "__main__":
    main()
