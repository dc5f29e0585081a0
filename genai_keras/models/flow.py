"""The flow: noise that follows a learned velocity until it is a sample."""

import math

import keras
import tensorflow as tf
from keras import ops

from genai_keras import losses, replicas
from genai_keras.layers.normalization import LayerNormalization  # noqa: F401, for saved networks
from genai_keras.layers.velocity import GaussianVelocity  # noqa: F401
from genai_keras.models.averaging import average_towards
from genai_keras.models.base import OneOptimizer
from genai_keras.models.inputs import TakesImages
from genai_keras.models.metrics import Means
from genai_keras.models.own_networks import check_flow_network
from genai_keras.models.velocity import FollowsVelocity


@keras.saving.register_keras_serializable(package="genai_keras")
class Flow(TakesImages, FollowsVelocity, OneOptimizer):
    """A velocity that turns noise into samples, trained by flow matching.

    Noise at time 0 and a sample at time 1 are joined by a straight line. The network learns the
    velocity on such lines. Where lines cross, it learns their mean velocity. Noise that follows it
    from time 0 to 1 has the distribution of the samples.

    Args:
        network: `[x, t]` -> velocity, with x and velocity `(batch, *sample_shape)` and the time t
            `(batch,)` in [0, 1]. If it also takes a one-hot label, `(batch, classes)`, the flow is
            conditional; zeros then mean "any class". A functional network.
        ema_decay: decay rate of the averaged weights, as in `GAN`; all but training uses them.
        label_dropout: fraction of the labels that training replaces by zeros, so that the network
            also learns the velocity of all classes together, which guidance needs.
        levels: number of values that a pixel can have, such as 256; None for numbers without steps.
            Noise as wide as the distance between two values is added to each. Without it, images
            would have no density, and so no likelihood. With 2, samples are black and white.
        steps, solver, guidance: what `generate` uses if it is not told otherwise.
        seed: seed of the training noise; validation has its own seed generator.

    `fit` takes the data described in `TakesImages`; an unconditional flow ignores labels.

    Raises:
        ValueError: the network or an argument does not fit.

    Call arguments:
        inputs: `[x, t]` or `[x, t, label]`; the result is the velocity of the averaged network.

    Example:
        flow = Flow(build_unet_velocity((28, 28, 1)))
        flow.compile(keras.optimizers.Adam(2e-3))
        flow.fit(images, epochs=20)
        images = flow.generate(16, seed=0, steps=10)

    Reference:
        Lipman et al. 2023, https://arxiv.org/abs/2210.02747;
        straight lines: Liu et al. 2023, https://arxiv.org/abs/2209.03003;
        guidance: Ho and Salimans 2022, https://arxiv.org/abs/2207.12598;
        Heun's method: Karras et al. 2022, https://arxiv.org/abs/2206.00364
    """

    # The figures to watch.
    headline = ("loss", "val_loss", "wasserstein", "diversity")
    value_range = (-1, 1)  # of images

    def __init__(
        self,
        network,
        ema_decay=0.999,
        label_dropout=0.1,
        levels=None,
        steps=10,
        solver="heun",
        guidance=1.0,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sample_shape, self.classes = check_flow_network(network)
        if levels is not None and levels < 2:
            raise ValueError(f"levels must be None or at least 2, not {levels}")
        if not 0.0 <= label_dropout <= 1.0:
            raise ValueError(f"label_dropout must be from 0 to 1, not {label_dropout}")
        self.network = network
        self.ema_decay = ema_decay
        self.label_dropout = label_dropout
        self.levels = levels
        self.steps = steps
        self.solver = solver
        self.guidance = guidance
        self.chosen()  # there are such steps, and such a solver
        self.seed = seed
        self.latent_dim = math.prod(self.sample_shape)
        self.averaged_network = keras.models.clone_model(network)
        self.averaged_network.set_weights(network.get_weights())
        self.averaged_network.trainable = False
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.validation_seed_generator = keras.random.SeedGenerator(seed + 1)
        self.means = Means(("loss",))
        self.build(network.input_shape)

    def call(self, inputs, training=False):
        return self.averaged_network(inputs, training=training)

    @property
    def metrics(self):
        return [self.means]

    def train_step(self, data):
        """Updates the network once, and the averaged one."""
        weights = self.network.trainable_variables
        replicas.apply_gradients(self.optimizer, self.accumulated(data, weights), weights)
        average_towards(self.averaged_network, self.network, self.ema_decay, self.optimizer)
        return self.get_metrics_result()

    def gradients(self, data):
        """The gradients of the loss on a batch, or a part of one, which `means` counts."""
        x, label, _ = keras.utils.unpack_x_y_sample_weight(data)  # (batch, *sample_shape)
        with tf.GradientTape() as tape:
            errors = self.errors(self.network, x, label, self.seed_generator, training=True)
            loss = ops.mean(errors)
        self.means.update_state({"loss": errors}, samples=ops.shape(x)[0])
        return tape.gradient(loss, self.network.trainable_variables)

    def test_step(self, data):
        x, label, _ = keras.utils.unpack_x_y_sample_weight(data)
        errors = self.errors(self.averaged_network, x, label, self.validation_seed_generator)
        self.means.update_state({"loss": errors}, samples=ops.shape(x)[0])
        return self.get_metrics_result()

    def errors(self, network, x, label, seed_generator, training=False):
        """The squared error of a velocity at one random point of each line, `(batch,)`.

        Args:
            network: the network, or the averaged one.
            x: `(batch, *sample_shape)`.
            label: `(batch, classes)`, one-hot, or None.
            seed_generator: of noise and times.
            training: passed on to the network; only then are labels dropped.
        """

        def draw(random, *shape):
            def drawn(shape):
                return random(shape, seed=seed_generator)

            return replicas.own_part(drawn, shape) if training else drawn(shape)

        batch = ops.shape(x)[0]
        noise = draw(keras.random.normal, batch, *self.sample_shape)
        if self.levels:
            x = x + self.level_width * (draw(keras.random.uniform, batch, *self.sample_shape) - 0.5)
        if self.classes and training:
            kept = draw(keras.random.uniform, batch, 1) >= self.label_dropout
            label = label * ops.cast(kept, "float32")
        t = draw(spread_times, batch)  # (batch,)
        along = ops.reshape(t, (-1, *[1] * len(self.sample_shape)))  # (batch, 1, ...)
        velocity = network(_inputs((1.0 - along) * noise + along * x, t, label), training=training)
        return losses.squared_error(x - noise, velocity)

    def velocity(self, x, t, label=None, guidance=1.0):
        """The velocity that samples follow, `(batch, *sample_shape)`.

        Args:
            x: `(batch, *sample_shape)`.
            t: a scalar, the time of all x.
            label: `(batch, classes)`, one-hot, if the flow is conditional; zeros for any class.
            guidance: weight of the label: 1 is the velocity given the label, 0 that without it, and
                more exaggerates what the label changes.
        """
        x = tf.convert_to_tensor(x, "float32")
        label = label if label is None else tf.convert_to_tensor(label, "float32")
        times = tf.fill(tf.shape(x)[:1], tf.cast(t, "float32"))
        if not self.classes or guidance == 1.0:
            return self.averaged_network(_inputs(x, times, label))
        twice = [tf.concat(both, axis=0) for both in ((x, x), (times, times))]
        labels = tf.concat((label, tf.zeros_like(label)), axis=0)
        given, free = tf.split(self.averaged_network(_inputs(*twice, labels)), 2)
        return free + guidance * (given - free)

    def get_config(self):
        same = (
            "name", "ema_decay", "label_dropout", "levels", "steps", "solver", "guidance",
            "seed",
        )  # fmt: skip
        network = keras.saving.serialize_keras_object(self.network)
        return {"network": network, **{name: getattr(self, name) for name in same}}


def spread_times(shape, seed):
    """Uniform times in [0, 1), one in each of n equal parts, which makes the mean loss less random.

    Args:
        shape: `(n,)`.
        seed: a `keras.random.SeedGenerator`.
    """
    places = ops.cast(ops.arange(shape[0]), "float32") / ops.cast(shape[0], "float32")
    return (keras.random.uniform((), seed=seed) + places) % 1.0


def _inputs(x, t, label=None):
    return [x, t] if label is None else [x, t, label]
