"""The language model: exact likelihoods, one step by hand, and the laws of generation."""

import gc
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import trained_straight_and_in_two

from genai_keras.models.language_model import LanguageModel
from genai_keras.networks.transformer import TransformerDecoder
from genai_keras.sampling.continuation import context_start, read_context, read_token

VOCABULARY, CONTEXT = 7, 8
rng = np.random.default_rng(0)


def make_model(scales=None, spread=0.3, **kwargs):
    """An untrained model whose predictions are far from uniform."""
    kwargs = {"context_length": CONTEXT, "width": 8, "num_layers": 2, "num_heads": 2, **kwargs}
    decoder = TransformerDecoder(kwargs.pop("vocabulary_size", VOCABULARY), **kwargs)
    for weight in decoder.trainable_weights:
        weight.assign(weight + spread * rng.normal(size=weight.shape))
    return LanguageModel(decoder, scales)


def sequences(count, length, vocabulary_size=VOCABULARY):
    return rng.integers(0, vocabulary_size, (count, length)).astype("int32")


IMAGES = np.array(list(itertools.product([0, 1], repeat=3)), "int32")  # all of 3 binary pixels


def make_pixel_model(**kwargs):
    return make_model(
        {"nats_per_image": 3}, vocabulary_size=2, context_length=3, start_token=True, **kwargs
    )


def test_probabilities_of_all_images_sum_to_one_and_are_what_is_reported():
    model = make_pixel_model()
    log_p = model.log_likelihood(IMAGES, batch_size=3)
    assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-6)
    assert np.exp(log_p).std() > 0.05  # and are not just 1/8 each
    for image, found in zip(IMAGES, log_p, strict=True):
        product = 1.0
        for i in range(3):  # p(x_i given those before it), one call each
            read = np.array([[2, *image[:i]]], "int32")
            logits = np.array(model.decoder(read))[0, -1].astype("float64")
            product *= np.exp(logits[image[i]]) / np.exp(logits).sum()
        assert math.exp(found) == pytest.approx(product, rel=1e-5)
    model.compile(keras.optimizers.AdamW())
    found = model.evaluate(IMAGES, batch_size=3, verbose=0, return_dict=True)
    assert found["nats_per_image"] == pytest.approx(-log_p.mean(), rel=1e-5)
    assert found["loss"] == pytest.approx(-log_p.mean() / 3, rel=1e-5)


def graphs_of(name):
    """How many graphs of the functions of this name are in memory."""
    found = [each for each in gc.get_objects() if isinstance(each, tf.Graph)]
    return sum(getattr(each, "name", None) == name for each in found)


def test_the_graphs_of_generation_go_when_the_model_goes():
    gc.collect()
    before, model = graphs_of("continue_tokens"), make_model()
    model.generate(np.array([1, 2]), 3)
    model.log_likelihood(sequences(2, 5))
    assert graphs_of("continue_tokens") == before + 1
    del model
    gc.collect()
    assert graphs_of("continue_tokens") == before


@pytest.mark.slow
def test_training_reaches_the_entropy_of_a_known_distribution():
    truth = np.array([0.3, 0.02, 0.2, 0.08, 0.05, 0.15, 0.1, 0.1])
    model = make_pixel_model(spread=0.0)
    model.compile(keras.optimizers.AdamW(1e-2))
    data = rng.permutation(np.repeat(IMAGES, (100 * truth).astype(int), axis=0))
    batches = tf.data.Dataset.from_tensors(data).repeat()
    model.fit(batches, steps_per_epoch=300, epochs=1, verbose=0, shuffle=False)
    entropy = -(truth * np.log(truth)).sum()
    found = -(truth * model.log_likelihood(IMAGES)).sum()
    assert entropy - 1e-5 < found < entropy + 0.01  # float32 rounds
    drawn = model.generate(np.zeros((4_000, 0)), 3, seed=1)
    frequencies = np.bincount(drawn @ [4, 2, 1], minlength=8) / len(drawn)
    np.testing.assert_allclose(frequencies, truth, atol=0.04)


def test_without_a_start_token_the_first_token_is_given():
    model, tokens = make_model({"bits_per_character": 1 / math.log(2)}), sequences(5, CONTEXT)
    probabilities = keras.ops.softmax(model.decoder(tokens[:, :-1])).numpy()
    nats = -np.log(np.take_along_axis(probabilities, tokens[:, 1:, None], axis=2))[..., 0]
    np.testing.assert_allclose(model.log_likelihood(tokens), -nats.sum(axis=1), rtol=1e-5)
    model.compile(keras.optimizers.AdamW())
    found = model.evaluate(tokens, batch_size=2, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(nats.mean(), rel=1e-5)
    assert found["bits_per_character"] == pytest.approx(nats.mean() / math.log(2), rel=1e-5)
    right = probabilities.argmax(axis=-1) == tokens[:, 1:]
    assert found["token_accuracy"] == pytest.approx(right.mean())


def test_a_step_is_adamw_by_hand_with_decay_on_matrices_only():
    rate, decay, clip, beta_2 = 0.01, 0.5, 0.1, 0.99
    model, tokens = make_model(), sequences(4, CONTEXT)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=decay, beta_2=beta_2, global_clipnorm=clip)
    )
    variables = model.trainable_variables
    before = [v.numpy() for v in variables]
    with tf.GradientTape() as tape:
        logits = model.decoder(tokens[:, :-1])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tokens[:, 1:], logits))
    gradients = [np.array(tf.convert_to_tensor(g)) for g in tape.gradient(loss, variables)]
    norm = math.sqrt(sum((g**2).sum() for g in gradients))
    assert norm > clip
    model.train_on_batch(tokens)
    decayed = 0
    for variable, old, gradient in zip(variables, before, gradients, strict=True):
        gradient = gradient * clip / norm
        # The first step: both moments are corrected to the gradient and its square.
        expected = old * (1 - rate * decay * (old.ndim == 2))
        expected -= rate * gradient / (np.abs(gradient) + 1e-7 / math.sqrt(1 - beta_2))
        decayed += old.ndim == 2
        moved = np.abs(gradient) > 1e-6  # below, epsilon makes the step depend on rounding
        np.testing.assert_allclose(variable.numpy()[moved], expected[moved], atol=2e-4)
    assert 0 < decayed < len(variables)


def test_the_context_holds_the_last_tokens_and_moves_by_halves():
    for size in (1, 2, 3, 8, 9):
        starts = [int(context_start(length, size)) for length in range(1, 5 * size)]
        for length, start in enumerate(starts, start=1):
            assert max(1, min(length, size - size // 2)) <= length - start <= size
        assert set(np.diff(starts)) <= {0, max(size // 2, 1)}
        assert not any(starts[:size])


@pytest.mark.slow
def test_logits_with_the_cache_equal_those_without_past_the_context_too():
    decoder, tokens = make_model().decoder, sequences(3, 4 * CONTEXT)
    cache = decoder.new_cache(3)
    logits, cache = read_context(decoder, tokens, 1, cache)
    for length in range(1, 4 * CONTEXT):
        start = int(context_start(length, CONTEXT))
        whole = decoder(tokens[:, start:length])[:, -1]
        np.testing.assert_allclose(logits, whole, atol=1e-4)
        np.testing.assert_allclose(read_context(decoder, tokens, length), whole, atol=1e-6)
        if context_start(length + 1, CONTEXT) == start:
            logits, cache = read_token(decoder, tokens, length + 1, cache)
        else:
            logits, cache = read_context(decoder, tokens, length + 1, decoder.new_cache(3))


@pytest.fixture(scope="module")
def model():
    """One for all tests that only generate, since compiling its loop takes seconds."""
    return make_model()


def test_the_cache_changes_nothing_but_the_time(model):
    prompt = sequences(2, 5)
    with_cache = model.generate(prompt, 30, seed=4)
    assert with_cache.shape == (2, 35)
    np.testing.assert_array_equal(with_cache, model.generate(prompt, 30, seed=4, use_cache=False))
    np.testing.assert_array_equal(with_cache[:, :5], prompt)
    assert (with_cache != model.generate(prompt, 30, seed=5)).any()


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 3, 12, 29])
def test_a_text_goes_on_as_if_it_had_not_been_interrupted(model, first):
    """So a prompt longer than the context is read as one that was written token by token."""
    prompt = sequences(2, 2)
    whole = model.generate(prompt, 30, seed=1, temperature=0.7, top_k=5, top_p=0.95)
    part = model.generate(prompt, first, seed=1, temperature=0.7, top_k=5, top_p=0.95)
    rest = model.generate(part, 30 - first, seed=1, temperature=0.7, top_k=5, top_p=0.95)
    np.testing.assert_array_equal(rest, whole)


@pytest.mark.slow
def test_the_likeliest_tokens_three_ways(model):
    prompt = sequences(2, 3)
    likeliest = model.generate(prompt, 20, temperature=0)
    np.testing.assert_array_equal(likeliest, model.generate(prompt, 20, top_k=1, seed=3))
    np.testing.assert_array_equal(likeliest, model.generate(prompt, 20, top_p=1e-6, seed=3))
    for length in range(3, 23):
        start = int(context_start(length, CONTEXT))
        logits = np.array(model.decoder(likeliest[:, start:length]))[:, -1]
        np.testing.assert_array_equal(likeliest[:, length], logits.argmax(axis=-1))


@pytest.mark.slow
def test_it_learns_to_count_and_goes_on_past_its_context():
    model = make_model(spread=0.0, width=16)
    model.compile(keras.optimizers.AdamW(1e-2))
    starts = rng.integers(0, VOCABULARY, (32, 1))
    counting = (starts + np.arange(CONTEXT + 1)) % VOCABULARY
    batches = tf.data.Dataset.from_tensors(counting).repeat()
    model.fit(batches, steps_per_epoch=200, epochs=1, verbose=0, shuffle=False)
    written = model.generate([3], 50, temperature=0)[0]
    np.testing.assert_array_equal(written, (3 + np.arange(51)) % VOCABULARY)


def test_generation_refuses_what_it_cannot_do(model):
    for arguments, message in (
        ({"prompt": []}, "a prompt needs at least one token"),
        ({"temperature": -1}, "temperature must be at least 0"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"top_p": 1.1}, "at most 1"),
    ):
        with pytest.raises(ValueError, match=message):
            model.generate(**{"prompt": [1], "max_new_tokens": 2, **arguments})


@pytest.mark.slow
def test_save_load_and_go_on_bit_for_bit_with_dropout(tmp_path):
    data = tf.data.Dataset.from_tensor_slices(sequences(24, CONTEXT + 1)).batch(4)

    def make():
        keras.utils.set_random_seed(1)
        model = make_model({"x": 2.0}, spread=0.0, dropout=0.3)
        model.compile(keras.optimizers.AdamW(1e-2, weight_decay=0.1, global_clipnorm=1.0))
        return model

    straight, again = trained_straight_and_in_two(make, data, tmp_path)
    assert again.scales == {"x": 2.0}
    np.testing.assert_array_equal(straight.generate([1, 2], 20), again.generate([1, 2], 20))
