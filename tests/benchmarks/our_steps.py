"""Our side of `benchmark_steps.py`: steps of the commands, and what they compute."""

import contextlib
import importlib
import math
import os
from pathlib import Path

from timing import clocks, cost, since

NEW_TOKENS = 128


def train(pipe, command, argv, folder):
    """Runs a command: tells what it computes, then answers each request with an epoch."""
    import genai_keras.cli.quiet  # noqa: F401, I001  first: it keeps TensorFlow's notes back
    import keras

    from genai_keras.training import run

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
    """Generates text with the default network of `train_lm`; a step is a token for 32 texts."""
    import genai_keras.cli.quiet  # noqa: F401, I001
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


def product_rate(pipe, size=2048):
    """Sends the GFLOP/s of a product of two large float32 matrices: the best of several."""
    import genai_keras.cli.quiet  # noqa: F401, I001
    import tensorflow as tf

    matrix = tf.random.normal((size, size))

    def multiply():
        tf.matmul(matrix, matrix).numpy()

    pipe.send(2 * size**3 / min(cost(multiply)[0] for _ in range(20)) / 1e6)
