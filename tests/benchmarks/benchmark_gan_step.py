"""What `fit` costs beside a bare loop: CPU time of a training step, in turns in one process.

    python tests/benchmarks/benchmark_gan_step.py [--rounds 9] [--steps 150]

The bare loop is a `tf.function` with the same networks, batches, losses, optimizers and averaging,
but without `fit`, metrics, callbacks or a progress bar. `fit` runs as `train_gan` runs it, with the
callbacks that look at every batch.
"""

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from pathlib import Path

import keras
import tensorflow as tf

from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.parsing import parse_config
from genai_keras.data.images import load_images
from genai_keras.models.gan import GAN
from genai_keras.networks.gan import build_gan_networks
from genai_keras.training.checkpoints import CheckpointCallback, Checkpoints
from genai_keras.training.divergence import DivergenceStop
from genai_keras.training.stops import SignalStop, TimeLimit
from genai_keras.training.tensorboard import EpochTensorBoard


def bare_step(gan, batch_size):
    """The training step as one would write it without a framework around it."""
    generator, discriminator, average = gan.generator, gan.discriminator, gan.averaged_generator

    @tf.function
    def step(real):
        noise = tf.random.normal((batch_size, gan.latent_dim))
        with tf.GradientTape(persistent=True) as tape:
            fake = generator(noise, training=True)
            real_logits = discriminator(real, training=True)
            fake_logits = discriminator(fake, training=True)
            generator_loss = tf.reduce_mean(tf.nn.softplus(-fake_logits))
            discriminator_loss = tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(
                tf.nn.softplus(fake_logits)
            )
        for network, optimizer, loss in (
            (discriminator, gan.discriminator_optimizer, discriminator_loss),
            (generator, gan.generator_optimizer, generator_loss),
        ):
            variables = network.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
        for mean, value in zip(average.variables, generator.variables, strict=True):
            mean.assign(0.999 * mean + 0.001 * value)

    return step


class InTurns(keras.callbacks.Callback):
    """Measures each epoch of one `fit`, and after it as many steps of the bare loop."""

    def __init__(self, run_bare, steps):
        super().__init__()
        self.run_bare = run_bare
        self.steps = steps
        self.rows = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        middle = time.process_time()
        self.run_bare()
        spans = middle - self.start, time.process_time() - middle
        self.rows.append([1000 * span / self.steps for span in spans])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=150, help="of each kind, a round")
    arguments = parser.parse_args()
    config = parse_config(GANConfig, [])
    train, _ = load_images(config.dataset, batch_size=config.batch_size)

    def make():
        networks = build_gan_networks(sample_shape=train.element_shape, **config.networks())
        gan = GAN(*networks, ema_decay=config.ema)
        gan.compile(keras.optimizers.Adam(1e-3, 0.5), keras.optimizers.Adam(1e-3, 0.5))
        return gan

    step = bare_step(make(), config.batch_size)
    batches = iter(train.shuffled())

    def run_bare():
        for _ in range(arguments.steps):
            step(next(batches))

    turns = InTurns(run_bare, arguments.steps)
    # A checkpoint is written once an epoch, so a step's share of it is left out.
    checkpoint = CheckpointCallback(Checkpoints(Path(tempfile.gettempdir())), 10**9)
    logs = Path(tempfile.mkdtemp())
    callbacks = [
        DivergenceStop(),
        EpochTensorBoard(logs),
        keras.callbacks.CSVLogger(logs / "history.csv"),
        checkpoint,
        SignalStop(checkpoint, ""),
        TimeLimit(60, checkpoint),
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # the progress bar's text, not its work
        make().fit(
            train.shuffled(),
            steps_per_epoch=arguments.steps,
            epochs=arguments.rounds + 1,
            callbacks=[turns, *callbacks],
            shuffle=False,
            verbose=1,
        )
    rows = turns.rows[1:]  # the first round compiles
    ratios = [fit / bare for fit, bare in rows]
    print("round   fit ms   bare ms   ratio   (CPU time a step)")
    for index, ((fit, bare), ratio) in enumerate(zip(rows, ratios, strict=True)):
        print(f"{index + 1:5} {fit:8.2f} {bare:9.2f} {ratio:7.3f}")
    print(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
