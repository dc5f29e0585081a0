"""Chapter 2, the generative adversarial network: its two losses, and what they aim at."""

import keras
import numpy as np

from genai_keras import losses
from genai_keras.course.marking import Exercise


def discriminator_loss(real_logits, fake_logits):
    """The mean of -log D(x) plus the mean of -log(1 - D(G(z)))."""
    return losses.discriminator_loss(real_logits, fake_logits)


def generator_loss(fake_logits):
    """The mean of -log D(G(z))."""
    return losses.non_saturating_generator_loss(fake_logits)


def optimal_discriminator(p_data, p_generator):
    """p_data / (p_data + p_generator)."""
    return p_data / (p_data + p_generator)


def smooth_targets(labels, smoothing):
    """1 - smoothing for ones, 0 for zeros."""
    return np.where(labels == 1, 1.0 - smoothing, 0.0)


def _logits(rng):
    """Logits of real and of fake samples; those of the last case overflow exp in float64, too."""
    cases = []
    for batch, shift in ((4, 0.5), (7, -0.5)):
        real, fake = rng.normal(0, 1.2, (2, batch, 1))
        cases.append((real + shift, fake - shift))
    large = rng.uniform(750, 1_000, (2, 5, 1)) * np.array([1, -1, 0.2, -0.2, 0.001])[:, None]
    cases.append(tuple(large))
    return [tuple(each.astype("float32") for each in case) for case in cases]


def _sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def _as_if_probabilities(target, logits):
    """Keras's cross-entropy with its default, `from_logits=False`."""
    return keras.losses.BinaryCrossentropy()(np.full_like(logits, target), logits)


def _densities(rng):
    """Two densities at some points; in each case either is 0 somewhere."""
    cases = []
    for points in (5, 8, 3):
        p_data, p_generator = rng.uniform(0.05, 1.5, (2, points)).astype("float32")
        p_data[0] = p_generator[1] = 0.0
        cases.append((p_data, p_generator))
    return cases


def _labels(rng):
    """Labels with at least one 0 and one 1, and how much to smooth."""
    cases = []
    for batch in (5, 8, 3):
        labels = rng.integers(0, 2, batch)
        labels[rng.permutation(batch)[:2]] = 0, 1
        cases.append((labels, float(rng.uniform(0.05, 0.3))))
    return cases


EXERCISES = (
    Exercise(
        discriminator_loss,
        _logits,
        {
            "log of 0 for large logits: -log sigmoid(l) is softplus(-l), which stays finite": (
                lambda real, fake: (
                    -np.mean(np.log(_sigmoid(real))) - np.mean(np.log(1 - _sigmoid(fake)))
                )
            ),
            "logits are taken for probabilities: Keras needs from_logits=True": lambda real, fake: (
                _as_if_probabilities(1.0, real) + _as_if_probabilities(0.0, fake)
            ),
            "a sigmoid of what is no logit any more: the sigmoid is applied twice": (
                lambda real, fake: discriminator_loss(_sigmoid(real), _sigmoid(fake))
            ),
            "real and fake are exchanged: real samples are to have large logits": (
                lambda real, fake: discriminator_loss(fake, real)
            ),
            "the real samples are missing: add the mean of -log D(x)": lambda real, fake: np.mean(
                np.logaddexp(0, fake)
            ),
            "the generated samples are missing: add the mean of -log(1 - D(G(z)))": (
                lambda real, fake: np.mean(np.logaddexp(0, -real))
            ),
            "half the expected value: add the two means, do not average them": lambda real, fake: (
                np.array(discriminator_loss(real, fake)) / 2
            ),
            "the sum of the batch: take the mean of each half": lambda real, fake: np.sum(
                np.logaddexp(0, -real) + np.logaddexp(0, fake)
            ),
            "one loss for each sample: take the mean of each half": lambda real, fake: (
                np.logaddexp(0, -real) + np.logaddexp(0, fake)
            ),
        },
    ),
    Exercise(
        generator_loss,
        lambda rng: [case[1:] for case in _logits(rng)],
        {
            "log of 0 for large negative logits: -log sigmoid(l) is softplus(-l)": lambda fake: (
                -np.mean(np.log(_sigmoid(fake)))
            ),
            "this is the minimax loss log(1 - D), flat where D wins: minimize -log D instead": (
                lambda fake: -np.mean(np.logaddexp(0, fake))
            ),
            "this is the minimax loss log(1 - D), and log of 0 for large logits: minimize -log D, "
            "from logits": lambda fake: np.mean(np.log(1 - _sigmoid(fake))),
            "this is -log(1 - D), the discriminator's side: the generator minimizes -log D": (
                lambda fake: np.mean(np.logaddexp(0, fake))
            ),
            "this is log D, and a loss is minimized: its negative is asked for": lambda fake: (
                -np.mean(np.logaddexp(0, -fake))
            ),
            "logits are taken for probabilities: Keras needs from_logits=True": lambda fake: (
                _as_if_probabilities(1.0, fake)
            ),
            "a sigmoid of what is no logit any more: the sigmoid is applied twice": lambda fake: (
                generator_loss(_sigmoid(fake))
            ),
            "the sum of the batch: take the mean": lambda fake: np.sum(np.logaddexp(0, -fake)),
            "one loss for each sample: take their mean": lambda fake: np.logaddexp(0, -fake),
        },
    ),
    Exercise(
        optimal_discriminator,
        _densities,
        {
            "this is the probability of a generated sample: real ones are asked for": lambda p, q: (
                q / (p + q)
            ),
            "this is the ratio of the densities, which has no bound: divide by their sum": (
                lambda p, q: p / q
            ),
            "this is the logit: its sigmoid is asked for": lambda p, q: np.log(p) - np.log(q),
            "this is the difference of the densities: divide p_data by their sum": lambda p, q: (
                p - q
            ),
            "the sigmoid of a difference of densities: densities are no logits, divide them": (
                lambda p, q: _sigmoid(p - q)
            ),
            "twice the expected value: divide by the sum of the densities, not by their mean": (
                lambda p, q: 2 * p / (p + q)
            ),
            "a hard decision, 0 or 1: return the probability": lambda p, q: (p > q) * 1.0,
            "divided by the sum over all points: each point has a sum of its own": lambda p, q: (
                p / np.sum(p + q)
            ),
            "1/2 everywhere is the end of the game, when both densities are equal": lambda p, q: (
                np.full_like(p, 0.5)
            ),
        },
    ),
    Exercise(
        smooth_targets,
        _labels,
        {
            "both sides are smoothed, as by label_smoothing in Keras: only ones change, to "
            "1 - smoothing": lambda y, s: y * (1 - s) + s / 2,
            "zeros are raised to smoothing: only ones are to change": lambda y, s: np.where(
                y == 1, 1 - s, s
            ),
            "the wrong side: zeros are raised, and ones, which are to become 1 - smoothing, stay": (
                lambda y, s: np.where(y == 1, 1.0, s)
            ),
            "targets above 1 are no probabilities: subtract smoothing": lambda y, s: y * (1 + s),
            "targets below 0 are no probabilities: zeros stay 0": lambda y, s: y - s,
            "ones become smoothing: they are to become 1 - smoothing": lambda y, s: y * s,
            "ones lose only half of smoothing: they are to become 1 - smoothing": lambda y, s: (
                y * (1 - s / 2)
            ),
            "an array of integers cuts 0.9 off to 0: make it one of floats first": lambda y, s: (
                np.zeros_like(y)
            ),
            "the labels are unchanged: ones are to become 1 - smoothing": lambda y, s: y,
        },
    ),
)
