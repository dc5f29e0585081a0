"""Chapter 2, the generative adversarial network: its two losses and their optimum."""

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
    """Logits of real and fake samples; those of the last case overflow exp even in float64."""
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
    """Two densities at some points; in each case, each of them is 0 somewhere."""
    cases = []
    for points in (5, 8, 3):
        p_data, p_generator = rng.uniform(0.05, 1.5, (2, points)).astype("float32")
        p_data[0] = p_generator[1] = 0.0
        cases.append((p_data, p_generator))
    return cases


def _labels(rng):
    """Labels with at least one 0 and one 1, and the amount of smoothing."""
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
            "log(0) for large logits: -log sigmoid(l) is softplus(-l), which stays finite": (
                lambda real, fake: (
                    -np.mean(np.log(_sigmoid(real))) - np.mean(np.log(1 - _sigmoid(fake)))
                )
            ),
            "logits are treated as probabilities: Keras needs from_logits=True": (
                lambda real, fake: _as_if_probabilities(1.0, real) + _as_if_probabilities(0.0, fake)
            ),
            "the sigmoid is applied twice: apply it to the logits only": (
                lambda real, fake: discriminator_loss(_sigmoid(real), _sigmoid(fake))
            ),
            "real and fake are swapped: real samples should have large logits": (
                lambda real, fake: discriminator_loss(fake, real)
            ),
            "the real samples are missing: add the mean of -log D(x)": lambda real, fake: np.mean(
                np.logaddexp(0, fake)
            ),
            "the generated samples are missing: add the mean of -log(1 - D(G(z)))": (
                lambda real, fake: np.mean(np.logaddexp(0, -real))
            ),
            "half the expected value: add the two means instead of averaging them": (
                lambda real, fake: np.array(discriminator_loss(real, fake)) / 2
            ),
            "this is the sum over the batch: take the mean of each half": lambda real, fake: np.sum(
                np.logaddexp(0, -real) + np.logaddexp(0, fake)
            ),
            "this is one loss per sample: take the mean of each half": lambda real, fake: (
                np.logaddexp(0, -real) + np.logaddexp(0, fake)
            ),
        },
    ),
    Exercise(
        generator_loss,
        lambda rng: [case[1:] for case in _logits(rng)],
        {
            "log(0) for large negative logits: -log sigmoid(l) is softplus(-l)": lambda fake: (
                -np.mean(np.log(_sigmoid(fake)))
            ),
            "this is the minimax loss log(1 - D), flat where D wins: minimize -log D instead": (
                lambda fake: -np.mean(np.logaddexp(0, fake))
            ),
            "this is the minimax loss log(1 - D), and log(0) for large logits: minimize -log D, "
            "from logits": lambda fake: np.mean(np.log(1 - _sigmoid(fake))),
            "this is -log(1 - D), the discriminator's side: the generator minimizes -log D": (
                lambda fake: np.mean(np.logaddexp(0, fake))
            ),
            "this is log D, but a loss is minimized: return its negative": lambda fake: (
                -np.mean(np.logaddexp(0, -fake))
            ),
            "logits are treated as probabilities: Keras needs from_logits=True": lambda fake: (
                _as_if_probabilities(1.0, fake)
            ),
            "the sigmoid is applied twice: apply it to the logits only": lambda fake: (
                generator_loss(_sigmoid(fake))
            ),
            "this is the sum over the batch: take the mean": lambda fake: np.sum(
                np.logaddexp(0, -fake)
            ),
            "this is one loss per sample: take their mean": lambda fake: np.logaddexp(0, -fake),
        },
    ),
    Exercise(
        optimal_discriminator,
        _densities,
        {
            "this is the probability of a generated sample: return that of a real one": (
                lambda p, q: q / (p + q)
            ),
            "this is the ratio of the densities, which is unbounded: divide by their sum": (
                lambda p, q: p / q
            ),
            "this is the logit: return its sigmoid": lambda p, q: np.log(p) - np.log(q),
            "this is the difference of the densities: divide p_data by their sum": lambda p, q: (
                p - q
            ),
            "a sigmoid needs logits, and densities are not logits: divide by their sum": (
                lambda p, q: _sigmoid(p - q)
            ),
            "twice the expected value: divide by the sum of the densities, not by their mean": (
                lambda p, q: 2 * p / (p + q)
            ),
            "this is a hard decision, 0 or 1: return the probability": lambda p, q: (p > q) * 1.0,
            "divided by the sum over all points: each point has its own sum": lambda p, q: (
                p / np.sum(p + q)
            ),
            "1/2 everywhere is right only when both densities are equal": lambda p, q: np.full_like(
                p, 0.5
            ),
        },
    ),
    Exercise(
        smooth_targets,
        _labels,
        {
            "both sides are smoothed, as with label_smoothing in Keras: only ones change, to "
            "1 - smoothing": lambda y, s: y * (1 - s) + s / 2,
            "zeros are raised to smoothing: change the ones only": lambda y, s: np.where(
                y == 1, 1 - s, s
            ),
            "this is the wrong side: zeros should stay, and ones should become 1 - smoothing": (
                lambda y, s: np.where(y == 1, 1.0, s)
            ),
            "targets above 1 are not probabilities: subtract smoothing": lambda y, s: y * (1 + s),
            "targets below 0 are not probabilities: zeros should stay 0": lambda y, s: y - s,
            "ones become smoothing: they should become 1 - smoothing": lambda y, s: y * s,
            "ones lose only half of smoothing: they should become 1 - smoothing": lambda y, s: (
                y * (1 - s / 2)
            ),
            "an integer array truncates 0.9 to 0: convert it to floats first": lambda y, s: (
                np.zeros_like(y)
            ),
            "the labels are unchanged: ones should become 1 - smoothing": lambda y, s: y,
        },
    ),
)
