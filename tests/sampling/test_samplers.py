"""Samplers against sets found by brute force, and draws against the softmax they come from."""

import numpy as np
import pytest

from genai_keras.sampling import samplers

rng = np.random.default_rng(0)
LOGITS = np.log([[0.5, 0.2, 0.15, 0.1, 0.05], [0.1, 0.1, 0.4, 0.1, 0.3]]).astype("float32")


def kept(logits):
    return [set(np.flatnonzero(np.isfinite(row))) for row in np.array(logits)]


@pytest.mark.parametrize("k", range(1, 8))
def test_top_k_keeps_exactly_the_k_likeliest(k):
    logits = rng.normal(size=(20, 6)).astype("float32")
    expected = [set(sorted(range(6), key=lambda token: -row[token])[:k]) for row in logits]
    assert kept(samplers.keep_top_k(logits, k)) == expected


def test_top_k_takes_the_first_of_equal_tokens():
    assert kept(samplers.keep_top_k(LOGITS, 3)) == [{0, 1, 2}, {2, 4, 0}]
    assert kept(samplers.keep_top_k(np.zeros((1, 5), "float32"), 2)) == [{0, 1}]


@pytest.mark.parametrize("p", [0.05, 0.3, 0.6, 0.9, 0.999, 1.0])
def test_top_p_keeps_exactly_the_smallest_set_that_reaches_p(p):
    logits = rng.normal(size=(50, 7)).astype("float32")

    def nucleus(row):
        probabilities = np.exp(row.astype("float64")) / np.exp(row.astype("float64")).sum()
        chosen, mass = set(), 0.0
        for token in np.argsort(-probabilities):
            if mass >= p:
                break
            chosen.add(token)
            mass += probabilities[token]
        return chosen

    assert kept(samplers.keep_top_p(logits, p)) == [nucleus(row) for row in logits]


def test_top_p_at_its_edges():
    assert kept(samplers.keep_top_p(LOGITS, 0.49)) == [{0}, {2, 4}]
    assert kept(samplers.keep_top_p(LOGITS, 0.51)) == [{0, 1}, {2, 4}]
    assert kept(samplers.keep_top_p(LOGITS, 0.75)) == [{0, 1, 2}, {2, 4, 0}]
    # A set that reaches p exactly is enough: of four equal tokens, two have half of the mass.
    assert kept(samplers.keep_top_p(np.zeros((1, 4), "float32"), 0.5)) == [{0, 1}]
    # The likeliest token stays, however small p is.
    assert kept(samplers.keep_top_p(LOGITS, 1e-9)) == [{0}, {2}]


def test_what_is_kept_keeps_its_logit():
    for narrowed in (samplers.keep_top_k(LOGITS, 2), samplers.keep_top_p(LOGITS, 0.6)):
        narrowed = np.array(narrowed)
        inside = np.isfinite(narrowed)
        np.testing.assert_array_equal(narrowed[inside], LOGITS[inside])
        assert (narrowed[~inside] == -np.inf).all()


def test_temperature_makes_powers_of_the_probabilities():
    powers = np.exp(LOGITS) ** (1 / 0.7)
    tempered = np.exp(np.array(samplers.temper(LOGITS, 0.7)))
    np.testing.assert_allclose(
        tempered / tempered.sum(1, keepdims=True), powers / powers.sum(1, keepdims=True), rtol=1e-5
    )


def test_draws_follow_the_softmax_and_their_seed():
    many = np.repeat(LOGITS[:1], 20_000, axis=0)
    drawn = np.array(samplers.sample(many, [1, 2]))
    frequencies = np.bincount(drawn, minlength=5) / len(drawn)
    np.testing.assert_allclose(frequencies, np.exp(LOGITS[0]), atol=0.015)  # four deviations
    np.testing.assert_array_equal(drawn, samplers.sample(many, [1, 2]))
    assert (drawn != np.array(samplers.sample(many, [1, 3]))).any()
    narrowed = samplers.keep_top_k(many, 2)
    assert set(np.array(samplers.sample(narrowed, [1, 2]))) == {0, 1}


def test_greedy_takes_the_likeliest():
    np.testing.assert_array_equal(samplers.greedy(LOGITS), [0, 2])
