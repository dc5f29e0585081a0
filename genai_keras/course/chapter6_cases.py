"""Inputs for the exercises of chapter 6, and parts of common mistakes."""

import numpy as np


def texts(rng):
    shapes = [(3, 6), (5, 4), (2, 9)]
    return [(rng.integers(0, 1000, shape),) for shape in shapes]


def naive_log_softmax(logits):
    raised = np.exp(logits)
    return np.log(raised / raised.sum(-1, keepdims=True))


def log_softmax(logits, axis=-1):
    lowered = logits - logits.max(axis, keepdims=True)
    return lowered - np.log(np.exp(lowered).sum(axis, keepdims=True))


def nats(log_probabilities, targets):
    """-log p of the targets, `(batch, length)`."""
    return -np.take_along_axis(log_probabilities, targets[..., None], axis=-1)[..., 0]


def predictions(rng):
    """Logits and targets; the last logits are thousands."""
    cases = []
    for shape, scale in (((2, 4, 5), 1.5), ((3, 2, 7), 2.5), ((3, 5, 6), 3_000.0)):
        logits = rng.normal(0, scale, shape).astype("float32")
        cases.append((logits, rng.integers(0, shape[-1], shape[:-1])))
    return cases


def long_and_short(rng):
    """Texts longer than the context, also in a larger batch, and shorter ones."""
    cases = []
    for batch in (2, 10):
        context_length = int(rng.integers(6, 10))
        length = context_length + context_length // 2 * int(rng.integers(1, 4)) + 1
        cases.append((rng.integers(1, 1000, (batch, length)), context_length))
    for batch in (4, 3):
        length = int(rng.integers(4, 8))
        context_length = length + int(rng.integers(1, 4))
        cases.append((rng.integers(1, 1000, (batch, length)), context_length))
    return cases


def scores(rng):
    """Logits and temperatures; the last logits are around 1,000."""
    cases = []
    for shape, low, high in (((2, 5), 0.4, 0.7), ((3, 4), 1.5, 3.0)):
        logits = rng.normal(0, 1.5, shape).astype("float32")
        cases.append((logits, float(rng.uniform(low, high))))
    # Multiples of 1/8, which float32 holds exactly, also when doubled.
    cases.append(((1_000 + rng.integers(-12, 13, (4, 6)) / 8).astype("float32"), 0.5))
    return cases


def softmax(logits, axis=-1):
    return np.exp(log_softmax(logits, axis))


def naive_softmax(logits):
    raised = np.exp(logits)
    return raised / raised.sum(-1, keepdims=True)


def distributions(rng):
    """Distributions of different sizes; the sum of the last is exactly p after some tokens."""
    cases = []
    for vocabulary in (5, 8, 20):
        probabilities = rng.dirichlet(np.full(vocabulary, 2.0))
        mass = np.cumsum(np.sort(probabilities)[::-1])
        tokens = int(rng.integers(1, 4))  # these do not yet reach p; the next one does
        cases.append((probabilities, float(mass[tokens - 1 : tokens + 1] @ (0.6, 0.4))))
    # Nearly powers of two: their logarithms and sums round little, so other algorithms agree.
    probabilities = np.array([16, 8, 4, 3, 1]) / 32
    cases.append((rng.permutation(probabilities), float(rng.choice([16, 24, 28]) / 32)))
    return cases


def mass_before(probabilities, order=None):
    """The sum of the more likely tokens, or of those before each in an order: `(vocabulary,)`."""
    order = np.argsort(-probabilities, kind="stable") if order is None else order
    before = np.empty_like(probabilities)
    before[order] = np.cumsum(probabilities[order]) - probabilities[order]
    return before


def only(probabilities, kept):
    return np.where(kept, probabilities, 0) / np.where(kept, probabilities, 0).sum()
