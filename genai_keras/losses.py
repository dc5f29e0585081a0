"""Loss functions, small and pure, named as in their papers. They take logits, in nats."""

from keras import ops


def discriminator_loss(real_logits, fake_logits, label_smoothing=0.0):
    """The discriminator's binary cross-entropy: -log D(x) - log(1 - D(G(z))), in nats.

    Written with softplus, -log sigmoid(l) = softplus(-l), which stays finite for any logit.

    Args:
        real_logits: D's logits for real samples, `(batch, 1)`.
        fake_logits: D's logits for generated samples, `(batch, 1)`.
        label_smoothing: the real samples' target is `1 - label_smoothing`. Only their side is
            smoothed: smoothing the fakes too would reward the generator for its present errors.

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

    The minimax loss, log(1 - D(G(z))), has almost no gradient while D still wins easily; this one
    has the same fixed point and its steepest gradient exactly there.

    Args:
        fake_logits: D's logits for generated samples, `(batch, 1)`.

    Returns:
        A scalar; log 2 = 0.693 when D cannot tell real from fake.

    Reference: Goodfellow et al. 2014, section 3, https://arxiv.org/abs/1406.2661
    """
    return ops.mean(ops.softplus(-fake_logits))
