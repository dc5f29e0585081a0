"""The metrics for each kind of model, as rows of a report."""

import math

import numpy as np

from genai_keras.data.toy import GaussianMixture
from genai_keras.evaluation.bootstrap import bootstrap, bootstrap_mean
from genai_keras.evaluation.likelihood import (
    dequantized_log_likelihood,
    importance_weighted_bound,
    log_importance_weights,
)
from genai_keras.evaluation.report import Row
from genai_keras.evaluation.translation import bootstrap_chrf, evaluate_translations
from genai_keras.models.metrics import ACTIVE

BOUNDS = (1, 10, 100)  # importance samples of the bounds that are reported
PER_IMAGE = "nats per image; higher is better"


def score_bounds(vae, x, labels=None, draws=100, seed=0, ladder=None):
    """Bounds on the log-likelihood of images under a VAE, and how many latents it uses.

    All bounds use the same draws, so they never fall as they get tighter.

    Args:
        vae: a `VAE`.
        x: `(n, height, width, channels)`, as in training.
        labels: `(n,)` if the VAE is conditional.
        draws: number of samples of z per image, a multiple of 100.
        seed: seed of z and of the resampling.
        ladder: as in `Row`.

    Returns:
        A list of `Row`.
    """
    log_weights = log_importance_weights(vae, x, draws, labels, seed)
    given = "" if labels is None else ", given the label"
    rows = []
    for k in sorted({*BOUNDS, draws}):
        name = "elbo" if k == 1 else f"iw_bound_{k}"
        what = "the ELBO" if k == 1 else f"with {k} importance samples"
        figure = bootstrap_mean(importance_weighted_bound(log_weights, k), seed=seed)
        meaning = f"lower bound on log p(x){given}, {what}; {PER_IMAGE}"
        rung = f"lower bound, k = {k}"
        rows.append(Row(name, figure, None, meaning, len(x), ladder, rung))
    means, _ = vae.encode(x, labels)
    means = np.asarray(means, "float64")
    figure = bootstrap(lambda drawn: np.sum(drawn.var(axis=0) > ACTIVE), means, seed=seed)
    rows.append(Row("active_units", figure, None, f"latents in use, out of {vae.latent_dim}"))
    return rows


def score_flow(flow, x, labels=None, seed=0, ladder=None):
    """A bound on the log-likelihood of images under a flow: a list of `Row`.

    Args:
        flow: a `Flow` with `levels`.
        x: `(n, height, width, channels)`, as in training.
        labels: `(n,)` if the flow is conditional.
        seed: seed of the noise that gives the images a density, and of the resampling.
        ladder: as in `Row`.
    """
    found = dequantized_log_likelihood(flow, x, labels, seed)
    given = "" if labels is None else ", given the label"
    meaning = f"lower bound on log p(x){given}, dequantized; {PER_IMAGE}"
    bits = bootstrap_mean(-found / np.prod(x.shape[1:]) / math.log(2), seed=seed)
    return [
        Row(
            "dequantized_bound",
            bootstrap_mean(found, seed=seed),
            None,
            meaning,
            len(found),
            ladder,
            "lower bound, dequantized",
        ),
        Row("bits_per_pixel", bits, None, "lower is better"),
    ]


def score_densities(model, numbers, mixture=None, seed=0):
    """The log-density of numbers `(n, 1)` under a model, and the true one; a list of `Row`."""
    mixture = mixture or GaussianMixture()
    truth = float(np.log(mixture.density(np.float64(numbers))).mean())
    figure = bootstrap_mean(model.log_likelihood(numbers), seed=seed)
    meaning = "log p(x), in nats; beside it, that of the true density"
    return [Row("log_likelihood", figure, truth, meaning)]


def score_pixels(model, sequences, seed=0, ladder=None):
    """The exact log-likelihood of images under a language model of pixels; a list of `Row`."""
    found, pixels = model.log_likelihood(sequences), sequences.shape[1]
    return [
        Row(
            "log_likelihood",
            bootstrap_mean(found, seed=seed),
            None,
            f"log p(x), exact; {PER_IMAGE}",
            len(found),
            ladder,
            "exact",
        ),
        Row(
            "bits_per_pixel",
            bootstrap_mean(-found / pixels / math.log(2), seed=seed),
            None,
            "lower is better",
        ),
    ]


def score_text(model, windows, tokens_per_character, seed=0):
    """How well a language model predicts unseen text; a list of `Row`.

    Args:
        model: a `LanguageModel`.
        windows: `(n, length)` int; all tokens except the first are predicted.
        tokens_per_character: ratio in the text.
        seed: seed of the resampling, window by window.
    """
    predicted = windows.shape[1] - 1
    nats = -model.log_likelihood(windows) / predicted * tokens_per_character  # (n,)
    return [
        Row("nats_per_character", bootstrap_mean(nats, seed=seed), None, "lower is better"),
        Row(
            "bits_per_character",
            bootstrap_mean(nats / math.log(2), seed=seed),
            None,
            "the same in bits",
        ),
    ]


def score_translations(model, pairs, beam_width=1, length_penalty=0.0, seed=0):
    """How well an encoder-decoder translates unseen sources; a list of `Row`."""
    _, translations = evaluate_translations(
        model, pairs, beam_width=beam_width, length_penalty=length_penalty
    )
    exact = [each.written in each.targets for each in translations]
    batches = _token_accuracies(model, pairs)
    search = "greedily" if beam_width == 1 else f"with {beam_width} hypotheses"
    return [
        Row(
            "exact_match",
            bootstrap_mean(exact, seed=seed),
            None,
            f"fraction of {len(exact)} sources translated exactly, {search}",
        ),
        Row(
            "token_accuracy",
            bootstrap(
                lambda drawn: np.average(drawn[:, 0], weights=drawn[:, 1]),
                batches,
                seed=seed,
                least=0.0,
                most=1.0,
            ),
            None,
            "fraction of next tokens that are right, given the true ones before",
        ),
        Row("chrf", bootstrap_chrf(translations), None, "0 to 100; higher is better"),
    ]


def score_numbers(numbers, mixture=None, seed=0):
    """How far numbers `(n, 1)` are from the mixture that they should follow; a list of `Row`."""
    mixture = mixture or GaussianMixture()
    points = np.ravel(numbers)
    figure = bootstrap(mixture.wasserstein, points, seed=seed, least=0.0)
    real_data = mixture.wasserstein(mixture.sample(len(points), seed=3))
    return [Row("wasserstein", figure, real_data, f"with {len(points)} samples, in units of x")]


def _token_accuracies(model, pairs):
    """The token accuracy and the number of tokens of each validation batch: `(batches, 2)`."""
    terms = [model.terms(*batch) for batch in pairs.validation.in_order()]
    return np.array([[float(each["token_accuracy"]), float(each["tokens"])] for each in terms])
