"""Training steps and generation of text, ours and PyTorch's, in turns.

    python tests/benchmarks/benchmark_steps.py [--rounds 9] [--threads 2] [--rows train_lm writing]

Ours are steps of `fit` as the commands run it, with data, metrics and callbacks; validation, drawing
and saving between two epochs are left out. PyTorch's are the eager programs of
`pytorch_programs.py`: the same networks, batches, losses and optimizers. Both must have as many
parameters, and Transformers the same loss with the same weights. Without PyTorch (the extra
`benchmark`), its columns stay empty.

What is fair: two libraries in one process would share caches and fight for its threads. So each has
a process of its own and the same number of threads, and they run in turns: while one runs a round,
the other waits for its turn. Other programs then disturb both alike. A round is an epoch of the
command, or as many steps. The first round is left out, because it compiles. Each figure is a median
of the rounds, each ratio the median of the ratios of two rounds next to each other. CPU time is that
of all threads of a process.
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
import time
from pathlib import Path

# The command of each row, its arguments, and the program in `pytorch_programs.py`.
ROWS = {
    "train_gan": ("train_gan", [], "dcgan"),
    "train_gan --preset mlp": ("train_gan", ["--preset", "mlp"], "mlp_gan"),
    "train_vae": ("train_vae", [], "conv_vae"),
    "train_vae --preset wide": ("train_vae", ["--preset", "wide"], "wide_vae"),
    "train_lm": ("train_lm", ["--steps-per-epoch", "30"], "language_model"),
    "train_seq2seq": ("train_seq2seq", ["--steps-per-epoch", "30"], "seq2seq"),
    "writing": (None, [], "writing"),  # 32 texts at once with the default network
}
NEW_TOKENS = 128


def ours(pipe, row, folder):
    """The process of our steps: it tells what it does, then answers each request with a round."""
    import genai_keras.cli.quiet  # noqa: F401, I001  first: it keeps TensorFlow's notes back
    import keras

    from genai_keras.training import run

    command, argv, _ = ROWS[row]
    if command is None:
        return write(pipe)

    class Rounds(keras.callbacks.Callback):
        """Measures from the begin of an epoch to the end of its last step."""

        def on_epoch_begin(self, epoch, logs=None):
            if epoch:  # only now, when what follows the last epoch is over
                pipe.send(self.spent)
            pipe.recv()
            self.start = clocks()

        def on_train_batch_end(self, batch, logs=None):
            if batch == self.params["steps"] - 1:
                self.spent = since(self.start)

    def instead(model, data, config, callbacks):
        pipe.send(facts(model, data.train))
        run_training(model, data, config, [*callbacks, Rounds()])

    run_training, run.run_training = run.run_training, instead
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        importlib.import_module(f"genai_keras.{command}").main(
            [*argv, "--epochs", "1000", "--run-dir", str(Path(folder) / "run")]
        )


def facts(model, train):
    """What PyTorch's program needs, and must agree with."""
    import numpy as np
    import tensorflow as tf

    batches = list(train.shuffled().take(train.steps_per_epoch).as_numpy_iterator())
    batches = [b if isinstance(b, tuple) else (b,) for b in batches]
    first = [tf.constant(each) for each in batches[0]]
    found = {
        "steps": train.steps_per_epoch,
        "parameters": sum(math.prod(v.shape) for v in model.trainable_variables),
        "batches": [np.stack(parts) for parts in zip(*batches, strict=True)],
        "operations": products(model, first),
        "first_loss": None,
        "weights": None,
    }
    networks = [getattr(model, name, None) for name in ("encoder", "decoder")]
    if any(hasattr(network, "blocks") for network in networks):
        found["weights"] = [
            [v.numpy() for v in network.trainable_variables] for network in networks if network
        ]
        found["first_loss"] = float(model.terms(*first)["loss"])
    return found


def products(model, batch):
    """Floating-point operations of the matrix products and convolutions of a training step."""
    import tensorflow as tf

    data = batch[0] if len(batch) == 1 else tuple(batch)
    total = 0
    graph = tf.function(model.train_step).get_concrete_function(data).graph
    for operation in graph.get_operations():
        shapes = [tuple(each.shape) for each in operation.inputs if each.shape.rank is not None]
        (output, *_) = [tuple(each.shape) for each in operation.outputs] or [()]
        if operation.type in ("MatMul", "BatchMatMulV2"):
            first = shapes[0]
            name = "transpose_a" if operation.type == "MatMul" else "adj_x"
            inner = first[-2 if operation.get_attr(name) else -1]
            sizes = (*output, inner)
        elif operation.type == "Conv2D":  # filter: (height, width, in, out)
            sizes = (*output, *shapes[1][:3])
        elif operation.type == "Conv2DBackpropInput":
            sizes = (*shapes[2][:3], *shapes[1])
        elif operation.type == "Conv2DBackpropFilter":
            sizes = (*shapes[2][:3], *output)
        else:
            continue
        total += 2 * math.prod(size or 0 for size in sizes)  # padded targets have no static size
    return total


def write(pipe):
    import numpy as np

    from genai_keras.models.language_model import LanguageModel
    from genai_keras.networks.transformer import TransformerDecoder

    decoder = TransformerDecoder(104, 64, width=128, num_layers=4, num_heads=4)
    model, prompts = LanguageModel(decoder), np.zeros((32, 1), "int32")
    pipe.send(
        {
            "steps": NEW_TOKENS,
            "parameters": decoder.count_params(),
            "batches": [],
            "operations": None,  # the cache saves most of them
            "first_loss": None,
            "weights": [[v.numpy() for v in decoder.trainable_variables]],
        }
    )
    while pipe.recv():
        start = clocks()
        model.generate(prompts, NEW_TOKENS, temperature=0.8)
        pipe.send(since(start))


def theirs(pipe, row, threads, given):
    """The process of PyTorch's steps."""
    import pytorch_programs
    import torch

    torch.set_num_threads(threads)
    program = getattr(pytorch_programs, ROWS[row][2])(given["batches"], given["weights"])
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


def product_rate(pipe, size=2048):
    """Sends the GFLOP/s of a product of two large float32 matrices: the best of several."""
    import genai_keras.cli.quiet  # noqa: F401, I001
    import tensorflow as tf

    matrix = tf.random.normal((size, size))

    def once():
        start = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        return time.perf_counter() - start

    pipe.send(2 * size**3 / min(once() for _ in range(20)) / 1e9)


def clocks():
    """Milliseconds by the wall and by the CPU."""
    return 1000 * time.perf_counter(), 1000 * time.process_time()


def since(start):
    return [now - then for now, then in zip(clocks(), start, strict=True)]


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


def measure(row, threads, rounds):
    """Rounds of `(wall, CPU)` ms a step, ours and PyTorch's or None, and the facts of the row."""

    def turn(pipe):
        if pipe is None:
            return None
        pipe.send(True)
        return [span / given["steps"] for span in pipe.recv()]

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        first = stack.enter_context(process(ours, row, folder))
        given = first.recv()
        second = None
        if importlib.util.find_spec("torch"):
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
        wall, cpu = map(statistics.median, zip(*(theirs for _, theirs in found), strict=True))
        ratios = [
            statistics.median(ours[clock] / theirs[clock] for ours, theirs in found)
            for clock in (0, 1)
        ]
        cells.append(f"{wall:10.2f}{cpu:8.2f}{ratios[0]:10.2f}{ratios[1]:6.2f}")
    return f"{row:26}" + "".join(cells)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    arguments = parser.parse_args()
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)  # for the processes to come
    with process(product_rate) as pipe:
        rate = pipe.recv()
    print(f"products of float32 matrices: {rate:.0f} GFLOP/s with {arguments.threads} threads")
    print(
        f"{'ms a step':26}{'ours':>8}{'CPU':>8}{'of rate':>8}{'PyTorch':>10}{'CPU':>8}{'ratio':>10}{'CPU':>6}"
    )
    for row in arguments.rows:
        print(line(row, *measure(row, arguments.threads, arguments.rounds), rate), flush=True)


if __name__ == "__main__":
    main()
