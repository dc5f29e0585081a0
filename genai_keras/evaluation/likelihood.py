"""The likelihood of held-out data under a model with latents: p(x) = integral p(x|z) p(z) dz."""

import numpy as np
import tensorflow as tf

from genai_keras.layers.reparameterization import Reparameterization

IMAGES_AT_ONCE = 50
SAMPLES_AT_ONCE = 20


def importance_weighted_log_likelihood(vae, x, samples=200, labels=None, seed=0):
    """Estimates log p(x) of each sample by importance sampling from q(z | x).

    The mean of the weights p(x, z) / q(z | x) is an unbiased estimate of p(x). On average, its
    logarithm is a lower bound of log p(x), which is tighter with more samples.

    Args:
        vae: a `VAE`.
        x: `(n, *sample_shape)` as in training: binary for a Bernoulli likelihood.
        samples: number of samples of z for each x.
        labels: `(n,)` int if the VAE is conditional.
        seed: seed of z.

    Returns:
        `(n,)` float64, in nats.

    Reference: Burda et al. 2016, section 5, https://arxiv.org/abs/1509.00519
    """
    return importance_weighted_bound(log_importance_weights(vae, x, samples, labels, seed), samples)


def log_importance_weights(vae, x, samples=200, labels=None, seed=0):
    """log p(x, z) - log q(z | x) for samples of z from q(z | x), `(samples, n)` float32, in nats.

    The arguments are those of `importance_weighted_log_likelihood`.
    """
    reparameterize = Reparameterization(seed)
    one_hot = vae.one_hot(labels, len(x))

    @tf.function(reduce_retracing=True)
    def weigh(batch, count, label):
        return vae.log_importance_weights(batch, count, reparameterize, label)

    found = np.empty((samples, len(x)), "float32")
    for start in range(0, len(x), IMAGES_AT_ONCE):
        part = slice(start, start + IMAGES_AT_ONCE)
        batch = tf.constant(x[part])
        label = None if one_hot is None else tf.constant(one_hot[part])
        for first in range(0, samples, SAMPLES_AT_ONCE):
            count = min(SAMPLES_AT_ONCE, samples - first)
            found[first : first + count, part] = weigh(batch, count, label)
    return found


def importance_weighted_bound(log_weights, k):
    """The bound of k importance samples on log p(x) of each sample, `(n,)` float64, in nats.

    This is the mean over all disjoint groups of k draws. If each k is a multiple of the previous
    one, the bounds never fall: the logarithm of a mean is at least the mean of the logarithms.

    Args:
        log_weights: `(draws, n)`, from `log_importance_weights`.
        k: group size, which must divide the number of draws.

    Raises:
        ValueError: k does not divide the number of draws.
    """
    from scipy.special import logsumexp  # here: no training needs it before its end

    draws, n = log_weights.shape
    if draws % k:
        raise ValueError(f"k={k} does not divide the {draws} draws")
    groups = log_weights.astype("float64").reshape(draws // k, k, n)
    return np.mean(logsumexp(groups, axis=1) - np.log(k), axis=0)


def dequantized_log_likelihood(flow, x, labels=None, seed=0, **how):
    """A lower bound on the log-likelihood of images whose pixels have a number of values.

    A flow has a density p, and no probability of single values. Noise u spreads each value over its
    own interval. By Jensen's inequality, for n pixels,
    log P(x) = log E[p(x + u)] + n log(width) >= E[log p(x + u)] + n log(width).

    Args:
        flow: a `Flow` with `levels`.
        x: `(n, *sample_shape)`, as in training.
        labels: `(n,)` int if the flow is conditional.
        seed: seed of u, and of the estimate of the traces.
        **how: as in `Flow.log_likelihood`.

    Returns:
        `(n,)` float64, in nats: one draw of the bound for each image.

    Reference: Theis, van den Oord and Bethge 2016, section 3.1, https://arxiv.org/abs/1511.01844
    """
    u = np.random.default_rng(seed).uniform(-0.5, 0.5, x.shape)
    spread = (x + flow.level_width * u).astype("float32")
    density = flow.log_likelihood(spread, labels, seed=seed, **how)
    return density + np.prod(x.shape[1:]) * np.log(flow.level_width)


def likelihood_line(vae, validation, count, samples):
    """Estimates log p(x) of the first `count` samples of `Batches`; returns a line of text."""
    labels = validation.labels[:count] if vae.classes else None
    found = importance_weighted_log_likelihood(vae, validation.first(count), samples, labels)
    given = " | label" if vae.classes else ""
    return (
        f"log p(x{given}) {mean_with_error(found)} nats: {samples} importance samples, "
        f"{len(found)} validation samples"
    )


def mean_with_error(values):
    """The mean of `(n,)` values and its standard error, which one value does not have, as text."""
    if len(values) < 2:
        return f"{values.mean():.2f}"
    return f"{values.mean():.2f} +- {values.std(ddof=1) / np.sqrt(len(values)):.2f}"
