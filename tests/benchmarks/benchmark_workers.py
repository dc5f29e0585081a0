"""What several devices cost: a strategy with one replica, and two workers on this machine.

    python tests/benchmarks/benchmark_workers.py [--rounds 3] [--steps 40]

The strategy with one replica is compared with none in turns, in one process on one core. Every
other case is the default `train_gan` or `train_lm` in processes of its own: on two cores; as two
workers of one core each; and on one core, with the whole batch and with an eighth of it. Of three
epochs, the first one compiles and is left out. Bytes are those that the loopback device has sent
(Linux only). The projection to eight workers adds up what was measured, so it is no measurement.
"""

import argparse
import contextlib
import importlib
import math
import multiprocessing
import os
import statistics
import tempfile
from pathlib import Path

from timing import clocks, since

from genai_keras.cli.processes import free_ports, tf_config

BATCH = 64
MODELS = {
    "train_gan": [],
    "train_lm": [],
}
LOOPBACK = Path("/sys/class/net/lo/statistics/tx_bytes")


def sent():
    return int(LOOPBACK.read_text()) if LOOPBACK.exists() else 0


def work(pipe, command, batch, steps, case, index, addresses, cores):
    """Runs a command, and sends what its steps cost."""
    os.sched_setaffinity(0, cores)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(len(cores))
    os.environ |= tf_config(addresses, index)
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    import genai_keras.cli.quiet  # noqa: F401, I001  first: it keeps TensorFlow's notes back
    import keras
    import tensorflow as tf

    from genai_keras.training import run

    found = []

    class Measured(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.bytes, self.start = sent(), clocks()

        def on_train_batch_end(self, batch, logs=None):
            if batch == steps - 1:
                found.append([*(each / steps for each in since(self.start)),
                              (sent() - self.bytes) / steps])  # fmt: skip

    def instead(model, data, config, callbacks):
        run_training(model, data, config, [Measured()])
        sizes = sum(math.prod(v.shape) for v in model.trainable_variables)
        pipe.send({"costs": found[1:], "gradients": 4 * sizes})

    run_training, run.run_training = run.run_training, instead
    argv = [*MODELS[command], "--batch-size", str(batch), "--limit", str(batch * steps)]
    if command == "train_lm":
        argv = [*MODELS[command], "--batch-size", str(batch), "--steps-per-epoch", str(steps)]
    argv += ["--epochs", "3", "--verbose", "0", "--save-every", "0"]
    main = importlib.import_module(f"genai_keras.{command}").main
    with tempfile.TemporaryDirectory() as folder:
        argv += ["--run-dir", f"{folder}/run"]
        if case == "strategy":
            run.run_training = lambda model, data, config, callbacks: found.append((model, data))
            none, one = contextlib.nullcontext, tf.distribute.MirroredStrategy(["CPU:0"]).scope
            for scope in (none, one):
                with scope():
                    main(argv)
            pipe.send({"ratios": in_turns(found, (none, one), steps)})
        else:
            main([*argv, *(["--devices", "cluster"] if case == "workers" else [])])


def in_turns(models, scopes, steps, rounds=9):
    """The CPU time of the second model over that of the first, by round."""
    from genai_keras.training.devices import training_batches

    costs = []
    for _ in range(rounds + 1):
        for (model, data), scope in zip(models, scopes, strict=True):
            with scope():
                start = clocks()
                model.fit(training_batches(data.train), steps_per_epoch=steps, verbose=0)
                costs.append(since(start)[1])
    pairs = list(zip(costs[::2], costs[1::2], strict=True))[1:]  # the first round compiles
    return [second / first for first, second in pairs]


def measure(command, batch, steps, case, cores):
    """The medians of wall-clock and CPU time (ms), and bytes, of a step; and of all gradients.

    Of a strategy, the ratios of `in_turns`.
    """
    context = multiprocessing.get_context("spawn")
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(cores))]
    pipes, workers = [], []
    for index, own in enumerate(cores):
        ours, theirs = context.Pipe()
        arguments = (theirs, command, batch, steps, case, index, addresses, own)
        workers.append(context.Process(target=work, args=arguments))
        workers[-1].start()
        theirs.close()
        pipes.append(ours)
    results = [pipe.recv() for pipe in pipes]
    for worker in workers:
        worker.join()
    if case == "strategy":
        return results[0]["ratios"]
    wall, _, size = (statistics.median(each) for each in zip(*results[0]["costs"], strict=True))
    cpu = sum(statistics.median(cost[1] for cost in result["costs"]) for result in results)
    return {"wall": wall, "cpu": cpu, "bytes": size, "gradients": results[0]["gradients"]}


def report(command, rounds, steps):
    both = {*sorted(os.sched_getaffinity(0))[:2]}
    first, second = ({each} for each in sorted(both))
    cases = {
        "one process, two cores": (BATCH, "alone", [both]),
        "two workers of one core each": (BATCH, "workers", [first, second]),
        "one process, one core": (BATCH, "alone", [first]),
        "one process, one core, an eighth of the batch": (BATCH // 8, "alone", [first]),
    }
    found = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (batch, case, cores) in cases.items():
            found[name].append(measure(command, batch, steps, case, cores))
    print(f"\n{command}: a step with {BATCH} samples, median of {rounds} rounds")
    middle = {
        name: {key: statistics.median(each[key] for each in costs) for key in costs[0]}
        for name, costs in found.items()
    }
    for name, cost in middle.items():
        print(f"  {name:46} {cost['wall']:7.1f} ms, CPU {cost['cpu']:7.1f} ms")
    plain, workers, alone, eighth = middle.values()
    ratios = measure(command, BATCH, steps, "strategy", [first])
    print(f"  CPU time with a strategy of one replica over none: {statistics.median(ratios):.3f}, "
          f"from {min(ratios):.3f} to {max(ratios):.3f}")  # fmt: skip
    print(f"  two workers over one process: {workers['wall'] / plain['wall']:.2f}")
    sizes = workers["bytes"], workers["gradients"]
    print(f"  sent: {sizes[0]:,.0f} bytes a step by both; gradients: {sizes[1]:,} bytes; "
          f"{sizes[0] / 2 / sizes[1]:.2f} times by each")  # fmt: skip
    exchange = max(0.0, workers["wall"] - alone["wall"] / 2)
    print(f"  exchange, taken as what two workers need beyond half of one core: {exchange:.1f} ms")
    for factor, why in ((1.75, "limited by bandwidth"), (7.0, "limited by latency")):
        eight = eighth["wall"] + factor * exchange
        print(f"  projected, 8 workers of one core, {why}: {eight:.1f} ms, "
              f"{alone['wall'] / eight:.1f} times as fast as one core")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    for command in MODELS:
        report(command, options.rounds, options.steps)


if __name__ == "__main__":
    main()
