"""The generative adversarial network, for any two networks."""

import keras
import tensorflow as tf
from keras import ops

from genai_keras import losses, replicas
from genai_keras.models.averaging import average_towards
from genai_keras.models.base import FromFile, check_no_loss
from genai_keras.models.inputs import TakesImages
from genai_keras.models.metrics import Means
from genai_keras.models.noise import FromNoise, classes_of, conditioned
from genai_keras.models.own_networks import check_gan_networks, copy_of, latent_dim_of, run_once


@keras.saving.register_keras_serializable(package="genai_keras")
class GAN(TakesImages, FromFile, FromNoise, keras.Model):
    """A generator and a discriminator that train each other.

    One training step samples the noise once and runs the generator once. The gradients of both
    networks come from that pass, so neither sees the update of the other in this step.

    Args:
        generator: `(batch, latent_dim)` -> `(batch, *sample_shape)`.
        discriminator: `(batch, *sample_shape)` -> `(batch, 1)`, logits. If both also take a one-hot
            label, `(batch, classes)`, the GAN is conditional and learns from pairs of samples and
            labels. This needs functional networks.
        ema_decay: decay rate of the averaged generator weights, which `generate` and `test_step`
            use; 0 keeps them equal to the generator's own weights. The decay starts lower, with
            `(1 + step) / (10 + step)`, so that the first random weights are soon forgotten.
        instance_noise: standard deviation of the noise that is added to all samples, real and
            generated, before the discriminator sees them. The discriminator then cannot memorize
            the training samples, or tell real from generated ones by details that do not matter.
        seed: seed of the training noise; validation has its own seed generator.
        latent_dim: length of the noise, needed if the generator is subclassed.

    `fit` takes the data described in `TakesImages`; an unconditional GAN ignores labels.

    Raises:
        ValueError: the networks do not fit each other, or the discriminator ends in a sigmoid.

    Call arguments:
        noise: `(batch, latent_dim)`, or with a label `[noise, label]`; the result is the output
            of the averaged generator.

    Example:
        gan = GAN(build_dcgan_generator(64, (28, 28, 1)), build_dcgan_discriminator((28, 28, 1)))
        gan.compile(keras.optimizers.Adam(1e-3, 0.5), keras.optimizers.Adam(1e-3, 0.5))
        gan.fit(images, epochs=20)
        images = gan.generate(16, seed=0)

    Reference:
        Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661;
        conditional: Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784;
        averaging: Yazici et al. 2019, https://arxiv.org/abs/1806.04498;
        instance noise: Sønderby et al. 2017, https://arxiv.org/abs/1610.04490
    """

    # The figures to watch.
    headline = ("generator_loss", "discriminator_loss", "wasserstein", "diversity")
    value_range = (-1, 1)  # of images, the range of tanh

    def __init__(
        self,
        generator,
        discriminator,
        ema_decay=0.999,
        instance_noise=0.0,
        seed=0,
        latent_dim=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.ema_decay = ema_decay
        self.instance_noise = instance_noise
        self.seed = seed
        self.latent_dim = latent_dim_of(generator, "generator", latent_dim)
        (self.sample_shape,) = run_once(generator, (self.latent_dim,))
        self.classes = classes_of(generator)
        check_gan_networks(generator, discriminator, self.sample_shape)
        run_once(discriminator, self.sample_shape, self.classes)
        self.averaged_generator = copy_of(generator, self.latent_dim)
        self.averaged_generator.trainable = False
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.validation_seed_generator = keras.random.SeedGenerator(seed + 1)
        self.means = Means(
            (
                "generator_loss",
                "discriminator_loss",
                "d_real",  # mean D(x)
                "d_fake",  # mean D(G(z))
                "accuracy_real",
                "accuracy_fake",
            )
        )
        self.build((None, self.latent_dim))

    def build(self, input_shape):
        """Does nothing, because the networks are already built; Keras marks the model as built."""

    def call(self, noise, training=False):
        return self.averaged_generator(noise, training=training)

    def compile(
        self,
        generator_optimizer,
        discriminator_optimizer,
        label_smoothing=0.0,
        accumulate=1,
        **kwargs,
    ):
        """Configures training.

        Args:
            generator_optimizer: a `keras.optimizers.Optimizer`, or its name.
            discriminator_optimizer: another one.
            label_smoothing: the target of real samples is `1 - label_smoothing`.
            accumulate: number of equal parts of each batch, computed one after the other to need
                less memory; batch normalization then takes the statistics of each part.
            **kwargs: as in `keras.Model.compile`, such as `steps_per_execution`.

        Raises:
            ValueError: both optimizers are the same object, or a loss is given: a GAN has its own.
        """
        check_no_loss(self, kwargs)
        generator_optimizer = keras.optimizers.get(generator_optimizer)
        discriminator_optimizer = keras.optimizers.get(discriminator_optimizer)
        if generator_optimizer is discriminator_optimizer:
            raise ValueError(
                "both networks have the same optimizer object, but each needs its own: make two, "
                'or give names, as in `compile("adam", "adam")`'
            )
        super().compile(optimizer=None, **kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.label_smoothing = label_smoothing
        self.accumulate = accumulate
        # Built here, because loading skips the state of an optimizer without variables.
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def metrics(self):
        return [self.means]

    def train_step(self, data):
        """Updates both networks once, with the gradients of the same batch."""
        weights = self.generator.trainable_variables, self.discriminator.trainable_variables
        of_generator, of_discriminator = self.accumulated(data, weights)
        replicas.apply_gradients(self.discriminator_optimizer, of_discriminator, weights[1])
        replicas.apply_gradients(self.generator_optimizer, of_generator, weights[0])
        average_towards(
            self.averaged_generator, self.generator, self.ema_decay, self.generator_optimizer
        )
        return self.get_metrics_result()

    def gradients(self, data):
        """The gradients of both networks on a batch, or a part of one, which `means` counts."""
        real, label, _ = keras.utils.unpack_x_y_sample_weight(data)  # (batch, *sample_shape)
        z = self._noise((ops.shape(real)[0], self.latent_dim))
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(conditioned(z, label), training=True)
            real_logits = self._logits(real, label, self._noise)
            fake_logits = self._logits(fake, label, self._noise)
            generator_loss, discriminator_loss = self._both_losses(real_logits, fake_logits)
        self._record(generator_loss, discriminator_loss, real_logits, fake_logits)
        return (
            tape.gradient(generator_loss, self.generator.trainable_variables),
            tape.gradient(discriminator_loss, self.discriminator.trainable_variables),
        )

    def test_step(self, data):
        real, label, _ = keras.utils.unpack_x_y_sample_weight(data)
        z = self._validation_noise((ops.shape(real)[0], self.latent_dim))
        fake = self.averaged_generator(conditioned(z, label))
        # As in training, each batch is normalized with its own statistics. The running averages mix
        # real and generated batches, so they would give a discriminator that never existed. They
        # stay unchanged here.
        kept = [ops.copy(v) for v in self.discriminator.non_trainable_variables]
        real_logits = self._logits(real, label, self._validation_noise)
        fake_logits = self._logits(fake, label, self._validation_noise)
        for variable, value in zip(self.discriminator.non_trainable_variables, kept, strict=True):
            variable.assign(value)
        return self._record(*self._both_losses(real_logits, fake_logits), real_logits, fake_logits)

    def _decode(self, inputs):
        return self.averaged_generator(inputs)

    def _logits(self, samples, label, noise):
        if self.instance_noise:
            added = self.instance_noise * noise(ops.shape(samples))
            samples = samples + ops.cast(added, samples.dtype)
        return self.discriminator(conditioned(samples, label), training=True)

    def _noise(self, shape):
        def draw(shape):
            return keras.random.normal(shape, seed=self.seed_generator)

        return replicas.own_part(draw, shape)

    def _validation_noise(self, shape):
        return keras.random.normal(shape, seed=self.validation_seed_generator)

    def _both_losses(self, real_logits, fake_logits):
        return (
            losses.non_saturating_generator_loss(fake_logits),
            losses.discriminator_loss(real_logits, fake_logits, self.label_smoothing),
        )

    def _record(self, generator_loss, discriminator_loss, real_logits, fake_logits):
        values = {
            "generator_loss": generator_loss,
            "discriminator_loss": discriminator_loss,
            "d_real": ops.sigmoid(real_logits),
            "d_fake": ops.sigmoid(fake_logits),
            "accuracy_real": ops.cast(real_logits > 0, "float32"),
            "accuracy_fake": ops.cast(fake_logits <= 0, "float32"),
        }
        self.means.update_state(values, samples=ops.shape(real_logits)[0])
        return self.get_metrics_result()

    def get_config(self):
        return {
            "name": self.name,
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "ema_decay": self.ema_decay,
            "instance_noise": self.instance_noise,
            "seed": self.seed,
            "latent_dim": self.latent_dim,
        }

    def get_compile_config(self):
        return {
            "generator_optimizer": keras.saving.serialize_keras_object(self.generator_optimizer),
            "discriminator_optimizer": keras.saving.serialize_keras_object(
                self.discriminator_optimizer
            ),
            "label_smoothing": self.label_smoothing,
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
