"""The likelihood of held-out data under a model with latents: p(x) = integral p(x|z) p(z) dz."""

import keras
import numpy as np
import tensorflow as tf

from genai_keras.layers.reparameterization import Reparameterization


def importance_weighted_log_likelihood(
    vae, x, samples=200, batch_size=50, samples_at_once=20, seed=0
):
    """Estimates log p(x) of each sample by importance sampling from q(z | x).

    The mean of the weights p(x, z) / q(z | x) is an unbiased estimate of p(x); its logarithm is a
    lower bound of log p(x) on average, tighter the more samples. Memory is constant: the weights
    are summed a chunk at a time.

    Args:
        vae: a `VAE`.
        x: `(n, *sample_shape)` as it was trained on: binary for a Bernoulli likelihood.
        samples: z drawn for each x.
        batch_size: x at a time.
        samples_at_once: z at a time; must divide `samples`.
        seed: of z.

    Returns:
        `(n,)` float64, in nats.

    Reference: Burda et al. 2016, section 5, https://arxiv.org/abs/1509.00519
    """
    if samples % samples_at_once:
        raise ValueError(f"samples_at_once={samples_at_once} does not divide samples={samples}")
    sample = Reparameterization(seed)

    @tf.function(reduce_retracing=True)
    def log_sum(batch):
        return keras.ops.logsumexp(
            vae.log_importance_weights(batch, samples_at_once, sample), axis=0
        )

    results = []
    for start in range(0, len(x), batch_size):
        batch = tf.constant(x[start : start + batch_size])
        total = np.full(len(batch), -np.inf)
        for _ in range(samples // samples_at_once):
            total = np.logaddexp(total, log_sum(batch).numpy().astype("float64"))
        results.append(total - np.log(samples))
    return np.concatenate(results)
