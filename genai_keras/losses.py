"""Small, pure loss functions, named as in their papers. Those that take logits return nats."""

import math

from keras import ops


def discriminator_loss(real_logits, fake_logits, label_smoothing=0.0):
    """The discriminator's binary cross-entropy: -log D(x) - log(1 - D(G(z))), in nats.

    Written with softplus, -log sigmoid(l) = softplus(-l), which stays finite for any logit.

    Args:
        real_logits: D's logits for real samples, `(batch, 1)`.
        fake_logits: D's logits for generated samples, `(batch, 1)`.
        label_smoothing: the target of real samples is `1 - label_smoothing`. Only real samples are
            smoothed: smoothing the fakes, too, would reward the generator for its current errors.

    Returns:
        A scalar; 2 log 2 = 1.386 when D cannot tell real from fake.

    Reference:
        Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661;
        one-sided smoothing: Salimans et al. 2016, https://arxiv.org/abs/1606.03498
    """
    real_loss = (1.0 - label_smoothing) * ops.softplus(-real_logits)
    if label_smoothing:
        real_loss += label_smoothing * ops.softplus(real_logits)
    return ops.mean(real_loss) + ops.mean(ops.softplus(fake_logits))


def non_saturating_generator_loss(fake_logits):
    """The generator's loss, -log D(G(z)), in nats.

    The minimax loss, log(1 - D(G(z))), has almost no gradient while D wins easily. This one has the
    same fixed point, and its gradient is steepest where D wins.

    Args:
        fake_logits: D's logits for generated samples, `(batch, 1)`.

    Returns:
        A scalar; log 2 = 0.693 when D cannot tell real from fake.

    Reference: Goodfellow et al. 2014, section 3, https://arxiv.org/abs/1406.2661
    """
    return ops.mean(ops.softplus(-fake_logits))


def squared_error(target, prediction):
    """The squared error of each sample, in the mean over its numbers: `(batch,)`.

    Args:
        target: `(batch, ...)`.
        prediction: the same shape.
    """
    return ops.mean(ops.square(target - prediction), axis=tuple(range(1, len(target.shape))))


def gaussian_kl(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) of each latent, in nats; zero only where both are N(0, 1).

    Args:
        mean: `(..., latent_dim)`.
        log_variance: the same shape.

    Returns:
        The same shape; sum over the last axis for the divergence of the whole vector.

    Reference: Kingma and Welling 2014, appendix B, https://arxiv.org/abs/1312.6114
    """
    return 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)


def gaussian_log_density(z, mean, log_variance):
    """log N(z; mean, variance) with a diagonal covariance, summed over the last axis, in nats."""
    squares = ops.square(z - mean) * ops.exp(-log_variance)
    return -0.5 * ops.sum(math.log(2.0 * math.pi) + log_variance + squares, axis=-1)


def importance_weighted_bound(log_weights):
    """log of the mean importance weight: a lower bound on log p(x) that rises with k.

    Args:
        log_weights: log p(x, z) - log q(z | x) of k samples of z, `(k, batch)`.

    Returns:
        `(batch,)`, in nats.

    Reference: Burda et al. 2016, https://arxiv.org/abs/1509.00519
    """
    return ops.logsumexp(log_weights, axis=0) - ops.log(
        ops.cast(ops.shape(log_weights)[0], "float32")
    )


def cross_entropy(tokens, logits):
    """-log p(token) at each position, in nats; log(vocabulary) for a model that knows nothing.

    Args:
        tokens: `(...)` int, the correct tokens.
        logits: `(..., vocabulary)`.

    Returns:
        `(...)`.
    """
    return ops.sparse_categorical_crossentropy(tokens, logits, from_logits=True)


def smoothing_penalty(tokens, logits):
    """The term that label smoothing adds to the cross-entropy, per unit of smoothing: `(...)`.

    With a fraction s of the target spread evenly over the vocabulary, the cross-entropy is
    -(1 - s) log p(token) - s mean(log p) = -log p(token) + s (logit(token) - mean(logits)).

    Args:
        tokens: `(...)` int, the correct tokens.
        logits: `(..., vocabulary)`.

    Reference: Szegedy et al. 2016, section 7, https://arxiv.org/abs/1512.00567
    """
    of_token = ops.take_along_axis(logits, ops.cast(tokens, "int32")[..., None], axis=-1)[..., 0]
    return of_token - ops.mean(logits, axis=-1)
