"""Wrong answers to chapter 2 as learners give them, each with a part of the hint it should get."""

import math

import keras
import numpy as np
from keras import ops


def naive_discriminator(real_logits, fake_logits):
    d_real, d_fake = ops.sigmoid(real_logits), ops.sigmoid(fake_logits)
    return -ops.mean(ops.log(d_real)) - ops.mean(ops.log(1.0 - d_fake))


def one_batch_of_both(real_logits, fake_logits):
    labels = ops.concatenate([ops.ones_like(real_logits), ops.zeros_like(fake_logits)])
    logits = ops.concatenate([real_logits, fake_logits])
    return keras.losses.BinaryCrossentropy(from_logits=True)(labels, logits)


def default_cross_entropy(real_logits, fake_logits):
    cross_entropy = keras.losses.BinaryCrossentropy()
    real = cross_entropy(np.ones(real_logits.shape), real_logits)
    return real + cross_entropy(np.zeros(fake_logits.shape), fake_logits)


def labels_exchanged(real_logits, fake_logits):
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    real = cross_entropy(ops.zeros_like(real_logits), real_logits)
    return real + cross_entropy(ops.ones_like(fake_logits), fake_logits)


def added_up(real_logits, fake_logits):
    total = 0.0
    for real, fake in zip(real_logits.ravel(), fake_logits.ravel(), strict=True):
        total += np.log1p(np.exp(-abs(real))) + max(-real, 0)
        total += np.log1p(np.exp(-abs(fake))) + max(fake, 0)
    return total


def minimax_in_a_loop(fake_logits):
    losses = []
    for logit in np.ravel(fake_logits).astype(float):
        losses.append(-max(logit, 0) - math.log1p(math.exp(-abs(logit))))
    return sum(losses) / len(losses)


def minimax_from_probabilities(fake_logits):
    d_fake = 1.0 / (1.0 + np.exp(-fake_logits))
    return np.log(1.0 - d_fake).mean()


def fakes_called_fake(fake_logits):
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    return cross_entropy(np.zeros(fake_logits.shape), fake_logits)


def squashed_twice(fake_logits):
    # Of NumPy's: Keras remembers the logits of its own sigmoid, and would put it right.
    d_fake = 1 / (1 + np.exp(-fake_logits))
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    return cross_entropy(np.ones_like(d_fake), d_fake)


def decisions(p_data, p_generator):
    return [1.0 if real > fake else 0.0 for real, fake in zip(p_data, p_generator, strict=True)]


def softmax_of_densities(p_data, p_generator):
    return ops.softmax(ops.stack([p_data, p_generator]), axis=0)[0]


def into_integers(labels, smoothing):
    targets = labels.copy()
    for i, label in enumerate(labels):
        if label == 1:
            targets[i] = 1 - smoothing
    return targets


def in_place(labels, smoothing):
    labels[labels == 1] = 1 - smoothing
    return labels


def as_keras_does(labels, smoothing):
    return ops.cast(labels, "float32") * (1.0 - smoothing) + 0.5 * smoothing


WRONG = (
    ("discriminator_loss", "log(0) for large logits", naive_discriminator),
    ("discriminator_loss", "half the expected value", one_batch_of_both),
    ("discriminator_loss", "from_logits=True", default_cross_entropy),
    ("discriminator_loss", "real and fake are swapped", labels_exchanged),
    ("discriminator_loss", "this is the sum over the batch", added_up),
    (
        "discriminator_loss",
        "this is one loss per sample",
        lambda real, fake: ops.softplus(-real) + ops.softplus(fake),
    ),
    (
        "discriminator_loss",
        "generated samples are missing",
        lambda real, fake: -ops.mean(ops.log_sigmoid(real)),
    ),
    ("generator_loss", "flat where D wins", minimax_in_a_loop),
    ("generator_loss", "flat where D wins", lambda fake: ops.mean(ops.log_sigmoid(-fake))),
    (
        "generator_loss",
        "this is the minimax loss log(1 - D), and log(0) for large logits",
        minimax_from_probabilities,
    ),
    ("generator_loss", "the discriminator's side", fakes_called_fake),
    (
        "generator_loss",
        "log(0) for large negative logits",
        lambda fake: -np.log(1 / (1 + np.exp(-fake))).mean(),
    ),
    ("generator_loss", "applied twice", squashed_twice),
    ("generator_loss", "a loss is minimized", lambda fake: ops.mean(ops.log_sigmoid(fake))),
    ("optimal_discriminator", "probability of a generated", lambda p, q: 1 - p / (p + q)),
    ("optimal_discriminator", "ratio of the densities", lambda p, q: ops.divide(p, q)),
    ("optimal_discriminator", "hard decision", decisions),
    (
        "optimal_discriminator",
        "densities are not logits",
        softmax_of_densities,
    ),
    ("optimal_discriminator", "this is the logit", lambda p, q: np.log(p / q)),
    (
        "optimal_discriminator",
        "divided by the sum over all points",
        lambda p, q: p / (p.sum() + q.sum()),
    ),
    ("smooth_targets", "an integer array truncates 0.9 to 0", into_integers),
    ("smooth_targets", "changes its arguments", in_place),
    ("smooth_targets", "both sides are smoothed, as with label_smoothing in Keras", as_keras_does),
    ("smooth_targets", "zeros are raised to smoothing", lambda y, s: np.clip(y, s, 1 - s)),
    ("smooth_targets", "targets below 0", lambda y, s: [label - s for label in y]),
    ("smooth_targets", "targets above 1", lambda y, s: np.array([t + t * s for t in y])),
    ("smooth_targets", "ones become smoothing", lambda y, s: ops.where(y > 0, s, 0.0)),
)
