"""Training steps and generation of text, ours and PyTorch's, in turns.

    python tests/benchmarks/benchmark_steps.py [--rounds 9] [--threads 2] [--rows train_lm writing]
    python tests/benchmarks/benchmark_steps.py --beside no-onednn  # ours, without oneDNN

Ours are steps of `fit` as the commands run it, with data, metrics and callbacks; what follows an
epoch is left out. PyTorch's are the eager programs of `pytorch_images.py` and
`pytorch_transformers.py`: the same networks, batches, losses and optimizers. Both must have as many
parameters, and Transformers the same loss with the same weights. Without PyTorch (the extra
`benchmark`), its columns stay empty.

What is fair: two libraries in one process would share caches and fight for its threads. So each has
a process of its own with the same number of threads, and they run in turns: while one runs a round,
the other waits. Other programs then disturb both alike. A round is an epoch of the command, or as
many steps. The first round is left out, because it compiles. Each figure is a median of the
rounds, each ratio the median of the ratios of two rounds next to each other. CPU time is that of
all threads of a process.

On a machine that is busy with something else, PyTorch's threads wait for each other by computing
nothing, up to twenty times as long as the work: set OMP_WAIT_POLICY=PASSIVE there.
"""

import argparse
import contextlib
import importlib
import importlib.util
import math
import multiprocessing
import os
import statistics
import tempfile

from our_steps import product_rate, train, write
from timing import clocks, since

# The command of each row, its arguments, and PyTorch's program.
# `writing` adds tokens to 32 texts at once, with the default network of `train_lm`.
ROWS = {
    "train_gan": ("train_gan", [], "pytorch_images.dcgan"),
    "train_gan --preset mlp": ("train_gan", ["--preset", "mlp"], "pytorch_images.mlp_gan"),
    "train_vae": ("train_vae", [], "pytorch_images.conv_vae"),
    "train_vae --preset wide": ("train_vae", ["--preset", "wide"], "pytorch_images.wide_vae"),
    "train_lm": ("train_lm", ["--steps-per-epoch", "30"], "pytorch_transformers.language_model"),
    "train_seq2seq": ("train_seq2seq", ["--steps-per-epoch", "30"], "pytorch_transformers.seq2seq"),
    "writing": (None, [], "pytorch_transformers.writing"),
}


def theirs(pipe, row, threads, given):
    """The process of PyTorch's steps."""
    import torch

    torch.set_num_threads(threads)
    module, program = ROWS[row][2].split(".")
    program = getattr(importlib.import_module(module), program)(given["batches"], given["weights"])
    assert program.parameters == given["parameters"], (program.parameters, given["parameters"])
    if given["first_loss"] is not None:
        assert math.isclose(program.first_loss, given["first_loss"], rel_tol=1e-4), (
            program.first_loss, given["first_loss"],
        )  # fmt: skip
    while pipe.recv():
        program.begin()
        start = clocks()
        for _ in range(given["steps"]):
            program.step()
        pipe.send(since(start))


def ours(pipe, row, folder, onednn=None):
    """The process of our steps; `onednn` is "0" or "1", or None for what commands choose."""
    if onednn:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = onednn  # before TensorFlow is imported
    command, argv, _ = ROWS[row]
    if command:
        train(pipe, command, argv, folder)
    else:
        write(pipe)


@contextlib.contextmanager
def process(work, *arguments):
    """A process that runs `work`, and the pipe to it."""
    context = multiprocessing.get_context("spawn")
    pipe, end = context.Pipe()
    child = context.Process(target=work, args=(end, *arguments), daemon=True)
    child.start()
    end.close()  # so that the pipe breaks if the process fails
    try:
        yield pipe
    finally:
        child.kill()
        child.join()


def measure(row, threads, rounds, beside):
    """Rounds of `(wall, CPU)` ms a step, ours and the other's or None, and the facts of the row."""

    def turn(pipe):
        if pipe is None:
            return None
        pipe.send(True)
        return [span / given["steps"] for span in pipe.recv()]

    with contextlib.ExitStack() as stack:

        def of_ours(*arguments):
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            pipe = stack.enter_context(process(ours, row, folder, *arguments))
            return pipe, pipe.recv()

        (first, given), second = of_ours(), None
        if beside == "no-onednn":
            second, _ = of_ours("0")
        elif importlib.util.find_spec("torch"):
            second = stack.enter_context(process(theirs, row, threads, given))
        return [[turn(first), turn(second)] for _ in range(rounds + 1)][1:], given


def line(row, found, given, rate):
    """The line of a row in the table."""
    wall, cpu = map(statistics.median, zip(*(ours for ours, _ in found), strict=True))
    cells = [f"{wall:8.2f}{cpu:8.2f}"]
    if given["operations"]:
        cells.append(f"{100 * given['operations'] / 1e6 / wall / rate:6.0f} %")
    else:
        cells.append(" " * 8)
    if found[0][1]:
        wall, cpu = map(statistics.median, zip(*(other for _, other in found), strict=True))
        ratios = [
            statistics.median(ours[clock] / other[clock] for ours, other in found)
            for clock in (0, 1)
        ]
        cells.append(f"{wall:10.2f}{cpu:8.2f}{ratios[0]:10.2f}{ratios[1]:6.2f}")
    return f"{row:26}" + "".join(cells)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--beside", choices=["pytorch", "no-onednn"], default="pytorch")
    arguments = parser.parse_args()
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)  # for the processes to come
    with process(product_rate) as pipe:
        rate = pipe.recv()
    print(f"products of float32 matrices: {rate:.0f} GFLOP/s with {arguments.threads} threads")
    print(
        f"{'ms a step':26}{'ours':>8}{'CPU':>8}{'of rate':>8}"
        f"{arguments.beside:>10}{'CPU':>8}{'ratio':>10}{'CPU':>6}"
    )
    for row in arguments.rows:
        print(
            line(row, *measure(row, arguments.threads, arguments.rounds, arguments.beside), rate),
            flush=True,
        )


if __name__ == "__main__":
    main()
