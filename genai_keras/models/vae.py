"""The variational autoencoder, for any two networks."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from genai_keras import losses, replicas
from genai_keras.layers.reparameterization import Reparameterization
from genai_keras.likelihoods import LIKELIHOODS
from genai_keras.models.base import OneOptimizer
from genai_keras.models.inputs import TakesImages
from genai_keras.models.metrics import ActiveUnits, Means
from genai_keras.models.noise import FromNoise, classes_of, conditioned, in_blocks, inputs_of
from genai_keras.models.own_networks import check_vae_networks, latent_dim_of, run_once
from genai_keras.sampling.noise import interpolation


@keras.saving.register_keras_serializable(package="genai_keras")
class VAE(TakesImages, FromNoise, OneOptimizer):
    """An encoder q(z | x) and a decoder p(x | z), trained to maximize a lower bound on log p(x).

    Args:
        encoder: `(batch, *sample_shape)` -> mean and log-variance, two of `(batch, latent_dim)`.
        decoder: `(batch, latent_dim)` -> the outputs that `likelihood` takes. If both networks also
            take a one-hot label, `(batch, classes)`, the VAE is conditional: it learns p(x | label)
            from pairs of samples and labels. This needs functional networks.
        likelihood: "bernoulli" for binary pixels, "logistic" for 256 grey values or colours.
        beta: weight of the KL divergence; 1 gives the bound on log p(x).
        warmup_steps: number of training steps in which the KL weight rises from 0 to `beta`.
        free_bits: nats of KL per latent that are not penalized, in the mean over a batch.
        importance_samples: k > 1 trains the importance-weighted bound (IWAE) instead of the ELBO.
        seed: seed of z; validation has its own seed generator.
        latent_dim: length of z, needed if the decoder is subclassed.

    `fit` takes the data described in `TakesImages`; an unconditional VAE ignores labels.

    Call arguments:
        x: `(batch, *sample_shape)` in [0, 1], or with a label `[x, label]`; the result is
            `reconstruct(x)`.

    Raises:
        ValueError: the likelihood is unknown; the networks do not fit it or each other; or beta,
            warm-up or free bits are combined with `importance_samples` > 1, whose bound has no
            separate KL term.

    Reference:
        Kingma and Welling 2014, https://arxiv.org/abs/1312.6114;
        conditional: Sohn et al. 2015,
        https://papers.nips.cc/paper/5775-learning-structured-output-representation;
        beta: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl;
        free bits: Kingma et al. 2016, https://arxiv.org/abs/1606.04934;
        IWAE and active units: Burda et al. 2016, https://arxiv.org/abs/1509.00519
    """

    # The figures to watch.
    headline = ("elbo", "val_elbo", "val_kl")
    value_range = (0, 1)  # of images: black and white

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="bernoulli",
        beta=1.0,
        warmup_steps=0,
        free_bits=0.0,
        importance_samples=1,
        seed=0,
        latent_dim=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if likelihood not in LIKELIHOODS:
            raise ValueError(f"likelihood must be one of {list(LIKELIHOODS)}, not {likelihood!r}")
        if importance_samples > 1 and (beta != 1.0 or warmup_steps or free_bits):
            raise ValueError(
                "beta, warm-up and free bits weight the KL term, but the importance-weighted bound "
                "has none: leave them out, or use one importance sample"
            )
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = LIKELIHOODS[likelihood]()
        self.beta = beta
        self.warmup_steps = warmup_steps
        self.free_bits = free_bits
        self.importance_samples = importance_samples
        self.seed = seed
        self.latent_dim = latent_dim_of(decoder, "decoder", latent_dim)
        (decoded,) = run_once(decoder, (self.latent_dim,))
        self.classes = classes_of(decoder)
        self.sample_shape = (*decoded[:-1], decoded[-1] // self.likelihood.parameters)
        if inputs := inputs_of(encoder):
            self.sample_shape = tuple(inputs[0].shape[1:])
        encoded = run_once(encoder, self.sample_shape, self.classes)
        check_vae_networks(
            encoder, decoder, self.likelihood, self.sample_shape, encoded, decoded, self.latent_dim
        )
        # `predict` would divide the work among all devices, and so need all workers.
        self._encoded = tf.function(encoder, reduce_retracing=True, autograph=False)
        self.reparameterize = Reparameterization(seed)
        self.validation_reparameterize = Reparameterization(seed + 1, own_part=False)
        self.means = Means(("loss", "elbo", "reconstruction", "kl"))
        self.active_units = ActiveUnits(self.latent_dim)
        self.build(encoder.input_shape if inputs_of(encoder) else (None, *self.sample_shape))

    def call(self, x, training=False):
        mean, _ = self.encoder(x, training=training)
        label = x[1] if self.classes else None
        return self.likelihood.mean(self.decoder(conditioned(mean, label), training=training))

    @property
    def metrics(self):
        return [self.means, self.active_units]

    def train_step(self, data):
        """Updates both networks once, with gradients through the sample of z."""
        gradients = self.accumulated(data, self.trainable_variables)
        replicas.apply_gradients(self.optimizer, gradients, self.trainable_variables)
        return self.get_metrics_result()

    def gradients(self, data):
        """The gradients of the loss on a batch, or a part of one, which the metrics count."""
        x, label, _ = keras.utils.unpack_x_y_sample_weight(data)  # (batch, *sample_shape)
        with tf.GradientTape() as tape:
            terms = self.terms(x, self.reparameterize, label, training=True)
        self._record(terms)
        return tape.gradient(terms["loss"], self.trainable_variables)

    def test_step(self, data):
        x, label, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._record(self.terms(x, self.validation_reparameterize, label))

    def terms(self, x, reparameterize, label=None, training=False):
        """The loss and its parts, for training and validation.

        Args:
            x: `(batch, *sample_shape)`.
            reparameterize: the `Reparameterization` that samples z.
            label: `(batch, classes)`, one-hot, if the VAE is conditional.
            training: passed on to the networks.

        Returns:
            A dictionary of `loss`, a scalar in nats; `elbo`, `reconstruction` (-log p(x | z)) and
            `kl`, each `(batch,)`, without beta, warm-up or free bits; and `mean`, E[z | x].
        """
        mean, log_variance = self.encoder(conditioned(x, label), training=training)
        log_variance = reparameterize.clip(log_variance)
        k = self.importance_samples
        z = reparameterize(mean, log_variance, samples=k)  # (k, batch, latent_dim)
        log_likelihood = self._log_likelihood(x, z, label, training)  # (k, batch)
        kl = losses.gaussian_kl(mean, log_variance)  # (batch, latent_dim)
        reconstruction = -ops.mean(log_likelihood, axis=0)
        if k > 1:
            log_weights = log_likelihood + _log_prior_ratio(z, mean, log_variance)
            loss = -ops.mean(losses.importance_weighted_bound(log_weights))
        else:
            mean_kl = replicas.mean(ops.mean(kl, axis=0))  # (latent_dim,)
            spent = ops.maximum(mean_kl, self.free_bits)
            loss = ops.mean(reconstruction) + self._kl_weight() * ops.sum(spent)
        kl = ops.sum(kl, axis=-1)
        return {
            "loss": loss,
            "elbo": -reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
            "mean": mean,
        }

    def log_importance_weights(self, x, samples, reparameterize, label=None):
        """log p(x, z) - log q(z | x) for z drawn from q(z | x): `(samples, batch)`, in nats."""
        mean, log_variance = self.encoder(conditioned(x, label))
        log_variance = reparameterize.clip(log_variance)
        z = reparameterize(mean, log_variance, samples=samples)
        return self._log_likelihood(x, z, label) + _log_prior_ratio(z, mean, log_variance)

    def encode(self, x, labels=None):
        """Mean and log-variance of q(z | x), two NumPy arrays `(n, latent_dim)`.

        Args:
            x: `(n, *sample_shape)` in [0, 1].
            labels: `(n,)` int if the VAE is conditional.
        """
        mean, log_variance = in_blocks(self._encoded, x, self.one_hot(labels, len(x)))
        return mean, np.array(self.reparameterize.clip(log_variance))

    def reconstruct(self, x, labels=None):
        """Decodes E[z | x]: `(n, *sample_shape)` in [0, 1]."""
        return self.decode(self.encode(x, labels)[0], labels)

    def interpolate(self, start, end, steps=8, method="spherical", label=None):
        """Decodes a path between the codes of two samples, including both ends.

        Args:
            start: one sample, `(*sample_shape)`.
            end: another sample.
            steps: number of points on the path.
            method: "spherical" stays where N(0, 1) has most of its probability; "linear" does not.
            label: label of both, an integer, if the VAE is conditional.

        Returns:
            `(steps, *sample_shape)` in [0, 1].
        """
        labels = None if label is None else np.full(steps, label)
        both = None if label is None else labels[:2]
        first, last = self.encode(np.stack([start, end]), both)[0]
        return self.decode(interpolation(first, last, steps, method), labels)

    def _decode(self, inputs):
        return self.likelihood.mean(self.decoder(inputs))

    def _log_likelihood(self, x, z, label=None, training=False):
        k, batch = ops.shape(z)[0], ops.shape(z)[1]
        label = None if label is None else ops.tile(label, (k, 1))  # (k * batch, classes)
        z = ops.reshape(z, (-1, self.latent_dim))
        outputs = self.decoder(conditioned(z, label), training=training)
        outputs = ops.reshape(outputs, (k, batch, *outputs.shape[1:]))
        return self.likelihood.log_prob(x, outputs)

    def _kl_weight(self):
        if not self.warmup_steps:
            return self.beta
        step = ops.cast(self.optimizer.iterations, "float32")
        return self.beta * ops.minimum(1.0, step / self.warmup_steps)

    def _record(self, terms):
        self.means.update_state(terms, samples=ops.shape(terms["kl"])[0])
        self.active_units.update_state(terms["mean"])
        return self.get_metrics_result()

    def get_config(self):
        same = (
            "name", "beta", "warmup_steps", "free_bits", "importance_samples", "seed", "latent_dim",
        )  # fmt: skip
        return {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "likelihood": self.likelihood.name,
            **{name: getattr(self, name) for name in same},
        }


def _log_prior_ratio(z, mean, log_variance):
    """log p(z) - log q(z | x): `(k, batch)`."""
    zeros = ops.zeros_like(mean)
    return losses.gaussian_log_density(z, zeros, zeros) - losses.gaussian_log_density(
        z, mean, log_variance
    )
