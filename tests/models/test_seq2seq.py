"""The encoder-decoder: masks, teacher forcing, and searches against brute force."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import trained_straight_and_in_two

from genai_keras.models.seq2seq import Seq2Seq
from genai_keras.networks.transformer import TransformerDecoder, TransformerEncoder
from genai_keras.sampling.beam_search import beam_search

PADDING, END = 0, 1
rng = np.random.default_rng(0)


def make_model(vocabulary_size=9, context_length=6, spread=0.3, label_smoothing=0.0, **kwargs):
    """An untrained model whose predictions are far from uniform."""
    kwargs = {"width": 8, "num_layers": 1, "num_heads": 2, **kwargs}
    model = Seq2Seq(
        TransformerEncoder(9, 8, **kwargs),
        TransformerDecoder(
            vocabulary_size, context_length, **kwargs, cross_attention=True, start_token=True
        ),
        label_smoothing,
    )
    for weight in model.trainable_weights:
        weight.assign(weight + spread * rng.normal(size=weight.shape))
    return model


def sentences(count, length, vocabulary_size=9):
    """Of 1 to `length` tokens, the last one the end, padded behind it."""
    tokens = rng.integers(2, vocabulary_size, (count, length))
    ends = rng.integers(0, length, (count, 1))
    ends[0] = length - 1
    columns = np.arange(length)
    tokens = np.where(columns == ends, END, tokens)
    return np.where(columns > ends, PADDING, tokens).astype("int32")


def widened(tokens, by=2):
    return np.pad(tokens, ((0, 0), (0, by)), constant_values=PADDING)


def as_numbers(terms):
    return {name: np.array(value) for name, value in terms.items()}


def test_padding_counts_nowhere():
    model, source, target = make_model(label_smoothing=0.1), sentences(6, 5), sentences(6, 4)
    narrow = as_numbers(model.terms(source, target))
    wide = as_numbers(model.terms(widened(source), widened(target)))
    for name, value in narrow.items():
        np.testing.assert_allclose(value, wide[name], rtol=1e-5, err_msg=name)
    assert narrow["tokens"] == (target != PADDING).sum()


def test_terms_are_what_a_loop_over_tokens_finds():
    model, source, target = make_model(label_smoothing=0.2), sentences(6, 5), sentences(6, 4)
    nats, smoothed, right, exact = [], [], [], []
    for row in range(6):
        all_right = True
        for i in range(4):
            if target[row, i] == PADDING:
                break
            memory, mask = model.encode(source[row : row + 1])
            read = np.array([[model.decoder.vocabulary_size, *target[row, :i]]], "int32")
            logits = model.decoder(read, memory=memory, memory_padding_mask=mask)[0, -1]
            truth = np.eye(9)[target[row, i]]
            for found, smoothing in ((nats, 0.0), (smoothed, 0.2)):
                loss = keras.losses.CategoricalCrossentropy(True, smoothing)
                found.append(float(loss(truth[None], logits[None])))
            right.append(int(np.argmax(logits)) == target[row, i])
            all_right &= right[-1]
        exact.append(all_right)
    terms = as_numbers(model.terms(source, target))
    assert terms["nats"] == pytest.approx(np.mean(nats), rel=1e-4)
    assert terms["loss"] == pytest.approx(np.mean(smoothed), rel=1e-4)
    assert terms["token_accuracy"] == pytest.approx(np.mean(right))
    np.testing.assert_array_equal(terms["exact_match"], exact)


def test_later_target_tokens_change_no_earlier_logit_exactly():
    model, source, target = make_model(), sentences(2, 5), rng.integers(2, 9, (2, 5))
    before = np.array(model((source, target)))
    for position in range(5):
        changed = target.copy()
        changed[:, position] = (changed[:, position] - 1) % 7 + 2
        after = np.array(model((source, changed)))
        # A token is read one place later than it is predicted.
        np.testing.assert_array_equal(before[:, : position + 1], after[:, : position + 1])
        if position < 4:
            assert (before[:, position + 1] != after[:, position + 1]).any()


def test_padding_within_a_target_is_not_seen():
    """Behind the end it would not matter, as no token that counts comes after it."""
    model, source = make_model(), sentences(2, 5)
    target = np.array([[3, PADDING, 4, 5, END], [3, 4, PADDING, 2, END]])
    before = np.array(model((source, target)))
    table = model.decoder.embedding.embeddings
    table.assign(table.numpy() + np.eye(10, 1, dtype="float32"))  # padding's row only
    after = np.array(model((source, target)))
    read_padding = np.pad(target[:, :-1] == PADDING, ((0, 0), (1, 0)))
    np.testing.assert_array_equal(before[~read_padding][:, 1:], after[~read_padding][:, 1:])
    assert (before[read_padding] != after[read_padding]).any()


def test_an_untrained_model_knows_nothing():
    model = make_model(spread=0.0, width=64, num_heads=4)
    terms = model.terms(sentences(50, 5), sentences(50, 5))
    assert float(terms["nats"]) == pytest.approx(math.log(9), abs=0.1)


@pytest.fixture(scope="module")
def half_trained():
    """Reverses some short lists, and others not yet."""
    model = make_model(context_length=4, spread=0.0, width=16)
    model.compile(keras.optimizers.AdamW(1e-2))
    source = np.array(list(itertools.product(range(2, 9), repeat=3)))
    target = np.pad(source[:, ::-1], ((0, 0), (0, 1)), constant_values=END)
    order = rng.permutation(len(source))
    source, target = source[order].astype("int32"), target[order].astype("int32")
    batches = tf.data.Dataset.from_tensor_slices((source, target)).batch(49).repeat()
    model.fit(batches, steps_per_epoch=65, epochs=1, verbose=0, shuffle=False)
    return model, source, target


@pytest.mark.slow
def test_exact_match_is_that_of_greedy_decoding(half_trained):
    """Though it is computed with the true tokens given."""
    model, source, target = half_trained
    written = model.generate(source)
    right = (written == target).all(axis=1)
    assert 0.05 < right.mean() < 0.999
    np.testing.assert_array_equal(right, np.array(model.terms(source, target)["exact_match"]))
    found = model.evaluate(source, target, batch_size=50, verbose=0, return_dict=True)
    assert found["exact_match"] == pytest.approx(right.mean())


class Table:
    """A model of pure numbers: log p of the next token after each sequence, drawn at random."""

    def __init__(self, seed, size):
        self.rng = np.random.default_rng(seed)
        self.size = size
        self.rows = {}

    def __call__(self, tokens):
        if tokens not in self.rows:
            self.rows[tokens] = np.log(self.rng.dirichlet(np.full(self.size, 0.5)))
        return self.rows[tokens]

    def search(self, width, depth, penalty):
        """What `beam_search` finds."""

        def next_log_p(written, length, cache):
            rows = [[self(tuple(row[: int(length)])) for row in beam] for beam in written.numpy()]
            return tf.constant(rows, tf.float32), cache

        tokens, log_p = beam_search(
            next_log_p, [], 1, self.size, width, depth, PADDING, END, penalty
        )
        return list(tokens[0].numpy()), float(log_p[0])

    def brute_force(self, depth, penalty):
        """The best of all sequences of at most `depth` tokens."""
        best = -np.inf, None, None
        prefixes = [((), 0.0)]
        while prefixes:
            tokens, log_p = prefixes.pop()
            if tokens and (tokens[-1] == END or len(tokens) == depth):
                score = log_p / ((5 + len(tokens)) / 6) ** penalty
                best = max(best, (score, tokens, log_p))
                continue
            for token, more in enumerate(self(tokens)):
                if token != PADDING:
                    prefixes.append(((*tokens, token), log_p + more))
        _, tokens, log_p = best
        return [*tokens, *[PADDING] * (depth - len(tokens))], log_p

    def plain_beam(self, width, depth, penalty):
        """A beam search with lists, which goes on to the last length in any case."""
        score = lambda tokens, log_p: log_p / ((5 + len(tokens)) / 6) ** penalty  # noqa: E731
        live, finished = [((), 0.0)], []
        for _ in range(depth):
            longer = [
                ((*tokens, token), log_p + more)
                for tokens, log_p in live
                for token, more in enumerate(self(tokens))
                if token != PADDING
            ]
            longer.sort(key=lambda each: -each[1])
            finished += [each for each in longer[:width] if each[0][-1] == END]
            live = [each for each in longer if each[0][-1] != END][:width]
        tokens, log_p = max(finished + live, key=lambda each: score(*each))
        return [*tokens, *[PADDING] * (depth - len(tokens))], log_p


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("depth, width", [(2, 4), (3, 12), (4, 40)])
def test_a_wide_enough_beam_finds_the_brute_force_optimum(depth, width, penalty):
    """Of the vocabulary's width at depth 2, and its powers behind, it drops no prefix."""
    for seed in range(5):
        table = Table(seed, size=4)
        found, log_p = table.search(width, depth, penalty)
        expected, expected_log_p = table.brute_force(depth, penalty)
        assert found == expected
        assert log_p == pytest.approx(expected_log_p, rel=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("width", [2, 3])
def test_a_narrow_beam_is_that_of_lists(width, penalty):
    for seed in range(12):
        table = Table(seed, size=5)
        found, log_p = table.search(width, 6, penalty)
        expected, expected_log_p = table.plain_beam(width, 6, penalty)
        assert found == expected
        assert log_p == pytest.approx(expected_log_p, rel=1e-5)


@pytest.mark.slow
def test_the_models_beam_finds_what_scoring_every_target_finds():
    model, source = make_model(vocabulary_size=4, context_length=2, spread=0.6), sentences(5, 4)
    written, log_p = model.generate(source, beam_width=4, return_log_probs=True)
    targets = [(END, PADDING), *itertools.product((2, 3), (1, 2, 3))]
    for row in range(5):
        scores = []
        for target in targets:
            found = keras.ops.log_softmax(model((source[row : row + 1], np.array([target]))))[0]
            counted = [found[i, token] for i, token in enumerate(target) if token != PADDING]
            scores.append(float(sum(counted)))
        assert tuple(written[row]) == targets[int(np.argmax(scores))]
        assert log_p[row] == pytest.approx(max(scores), abs=1e-4)


@pytest.mark.slow
def test_a_beam_of_one_is_greedy(half_trained):
    for model, source in ((half_trained[0], half_trained[1]), (make_model(), sentences(30, 5))):
        greedy = model.generate(source[:30], length_penalty=1.0)
        for row in range(30):
            read = [model.decoder.vocabulary_size]
            memory, mask = model.encode(source[row : row + 1])
            while len(read) <= model.decoder.context_length and read[-1] != END:
                logits = np.array(
                    model.decoder(
                        np.array([read], "int32"), memory=memory, memory_padding_mask=mask
                    )
                )[0, -1]
                read.append(int(np.argmax(logits[1:])) + 1)  # anything but padding
            np.testing.assert_array_equal(greedy[row, : len(read) - 1], read[1:])
            assert not greedy[row, len(read) - 1 :].any()


@pytest.mark.slow
@pytest.mark.parametrize("beam_width", [1, 3])
def test_the_cache_and_the_company_change_nothing(half_trained, beam_width):
    model, source, _ = half_trained
    how = {"beam_width": beam_width, "return_log_probs": True}
    written, score = model.generate(source[:6], **how)
    uncached, uncached_score = model.generate(source[:6], **how, use_cache=False)
    np.testing.assert_array_equal(written, uncached)
    np.testing.assert_allclose(score, uncached_score, atol=1e-4)
    alone = model.generate(widened(source[4:5]), beam_width=beam_width)
    np.testing.assert_array_equal(written[4:5], alone)


def test_a_longest_length_cuts_and_what_is_impossible_is_refused(half_trained):
    model, source, _ = half_trained
    whole = model.generate(source[:5])
    cut = model.generate(source[:5], max_length=2)
    np.testing.assert_array_equal(cut, whole[:, :2])
    for arguments in ({"beam_width": 0}, {"max_length": 0}, {"max_length": 5}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            model.generate(source[:1], **arguments)


@pytest.mark.slow
def test_save_load_and_go_on_bit_for_bit_with_dropout(tmp_path):
    data = tf.data.Dataset.from_tensor_slices((sentences(24, 5), sentences(24, 5))).batch(4)

    def make():
        keras.utils.set_random_seed(1)
        model = make_model(spread=0.0, dropout=0.3, label_smoothing=0.1)
        model.compile(keras.optimizers.AdamW(1e-2, weight_decay=0.1, global_clipnorm=1.0))
        return model

    _, again = trained_straight_and_in_two(make, data, tmp_path)
    assert again.label_smoothing == 0.1


def test_attention_weights_are_the_decoders_and_leave_padding_out():
    model, source, target = make_model(), sentences(3, 6), sentences(3, 5)
    found = model.attention_weights((source, target))
    cross = np.array(found["cross_attention"])  # (blocks, batch, heads, target, source)
    assert cross.shape == (1, 3, 2, 5, 6)
    assert ((cross > 0) == (source != PADDING)[:, None, None]).all()
    memory, mask = model.encode(source)
    read = np.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=9)  # the start token
    masks = {"padding_mask": read != PADDING, "memory_padding_mask": mask}
    expected = model.decoder.attention_weights(read, memory=memory, **masks)
    for name, weights in expected.items():
        np.testing.assert_array_equal(found[name], weights)
