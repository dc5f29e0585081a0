"""Positions, blocks and networks against the papers' formulas."""

import math

import keras
import numpy as np
import pytest
from scipy.special import erf

from genai_keras.errors import UserError
from genai_keras.layers.positions import LearnedPositions, SinusoidalPositions, sinusoids
from genai_keras.layers.transformer import DecoderBlock, EncoderBlock
from genai_keras.networks.transformer import TransformerDecoder, TransformerEncoder

WIDTH, HEADS, LENGTH, VOCABULARY = 8, 2, 6, 11
rng = np.random.default_rng(0)


def noise(*shape):
    return rng.normal(size=shape).astype("float32")


def tokens(*shape):
    return rng.integers(1, VOCABULARY, shape).astype("int32")


def make_decoder(**kwargs):
    kwargs = {"context_length": 10, "width": WIDTH, "num_layers": 2, "num_heads": HEADS, **kwargs}
    return TransformerDecoder(VOCABULARY, **kwargs)


def make_encoder(**kwargs):
    kwargs = {"context_length": 10, "width": WIDTH, "num_layers": 2, "num_heads": HEADS, **kwargs}
    return TransformerEncoder(VOCABULARY, **kwargs)


def disturb(network):
    """Weights large enough that every part of a network matters, and no bias is 0."""
    for weight in network.trainable_weights:
        weight.assign(weight + 0.3 * noise(*weight.shape))
    return network


def test_sinusoids_are_the_papers():
    table = sinusoids(50, 16)
    for position in range(50):
        for i in range(8):
            angle = position / 10_000 ** (2 * i / 16)
            assert table[position, 2 * i] == pytest.approx(math.sin(angle), abs=1e-12)
            assert table[position, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-12)
    with pytest.raises(UserError, match="even"):
        sinusoids(5, 7)


@pytest.mark.parametrize("kind", [SinusoidalPositions, LearnedPositions])
def test_positions_can_begin_anywhere(kind):
    layer, x = kind(10), noise(2, 10, WIDTH)
    whole = layer(x)
    np.testing.assert_array_equal(layer(x[:, 3:7], position=3), whole[:, 3:7])
    added = np.array(whole) - x
    np.testing.assert_allclose(added[0], added[1], atol=1e-6)
    assert len(np.unique(added[0].round(4), axis=0)) == 10
    assert kind.from_config(layer.get_config()).get_config() == layer.get_config()


def layer_norm(x, norm):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * norm.gamma.numpy() + norm.beta.numpy()


def feed_forward(block, x, activation):
    dense = lambda layer, x: x @ layer.kernel.numpy() + layer.bias.numpy()  # noqa: E731
    return dense(block.output_layer, activation(dense(block.hidden, x)))


ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
    "relu": lambda x: np.maximum(x, 0),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm_first", [True, False])
def test_blocks_are_the_papers(norm_first, activation):
    """The order of norms and residuals, in NumPy; attention itself has a test of its own."""
    x, memory = noise(2, LENGTH, WIDTH), noise(2, 4, WIDTH)
    arguments = {"activation": activation, "norm_first": norm_first}
    encoder = EncoderBlock(HEADS, 16, **arguments)
    decoder = DecoderBlock(HEADS, 16, **arguments, cross_attention=True)
    for block in (encoder, decoder):
        block.build((None, None, WIDTH))
        disturb(block)

    def around(norm, branch, x):
        if norm_first:
            return x + branch(layer_norm(x, norm))
        return layer_norm(x + branch(x), norm)

    def expected(block, causal):
        y = around(
            block.attention_norm,
            lambda h: np.array(block.attention(h.astype("float32"), causal=causal)),
            x,
        )
        if block is decoder:
            y = around(
                block.cross_attention_norm,
                lambda h: np.array(block.cross_attention(h.astype("float32"), source=memory)),
                y,
            )
        return around(
            block.feed_forward_norm, lambda h: feed_forward(block, h, ACTIVATIONS[activation]), y
        )

    np.testing.assert_allclose(encoder(x), expected(encoder, causal=False), atol=2e-5)
    np.testing.assert_allclose(decoder(x, memory), expected(decoder, causal=True), atol=2e-5)


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_future_token_changes_no_earlier_logit_exactly(norm_first):
    decoder, sequence = disturb(make_decoder(norm_first=norm_first)), tokens(3, LENGTH)
    before = np.array(decoder(sequence))
    for position in range(LENGTH):
        changed = sequence.copy()
        changed[:, position] = (changed[:, position] + 1) % VOCABULARY
        after = np.array(decoder(changed))
        np.testing.assert_array_equal(before[:, :position], after[:, :position])
        assert (before[:, position:] != after[:, position:]).any(axis=-1).all()


def test_a_padded_source_token_changes_nothing_exactly():
    encoder, decoder = disturb(make_encoder()), disturb(make_decoder(cross_attention=True))
    source, target = tokens(2, 7), tokens(2, LENGTH)
    mask = np.arange(7)[None] < [[7], [4]]
    changed = np.where(mask, source, tokens(2, 7))
    assert (changed != source).any()

    def logits(source):
        memory = encoder(source, padding_mask=mask)
        return np.array(decoder(target, memory=memory, memory_padding_mask=mask))

    np.testing.assert_array_equal(logits(source), logits(changed))
    real = np.where(mask, changed, source)
    real[1, 3] = source[1, 3] % (VOCABULARY - 1) + 1
    assert (logits(real)[1] != logits(source)[1]).any()


def test_attention_weights_are_those_of_each_block_in_turn():
    encoder, decoder = disturb(make_encoder()), disturb(make_decoder(cross_attention=True))
    source, target = tokens(2, 7), tokens(2, LENGTH)
    mask = np.arange(7)[None] < [[7], [4]]
    reading = encoder.attention_weights(source, padding_mask=mask)
    memory = encoder(source, padding_mask=mask)
    writing = decoder.attention_weights(target, memory=memory, memory_padding_mask=mask)
    assert reading.keys() == {"attention"} and writing.keys() == {"attention", "cross_attention"}
    x = decoder.add_positions(decoder.embedding(target))
    for index, block in enumerate(decoder.blocks):
        _, expected = block.attention(
            block.attention_norm(x), causal=True, return_attention_scores=True
        )
        np.testing.assert_array_equal(writing["attention"][index], expected)
        x = block(x, memory, memory_padding_mask=mask)
    for name, weights, keys in (
        ("attention", reading, 7), ("attention", writing, LENGTH), ("cross_attention", writing, 7),
    ):  # fmt: skip
        found = np.array(weights[name])
        queries = 7 if weights is reading else LENGTH
        assert found.shape == (2, 2, HEADS, queries, keys)
        np.testing.assert_allclose(found.sum(axis=-1), 1.0, atol=1e-6)
        seen = mask[:, None, None] if keys == 7 else np.tri(LENGTH, dtype=bool)
        assert ((found > 0) == seen).all()


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
@pytest.mark.parametrize("cross_attention", [False, True])
def test_logits_with_the_cache_equal_those_without(positions, cross_attention):
    decoder = disturb(make_decoder(positions=positions, cross_attention=cross_attention))
    sequence = tokens(2, 10)
    memory = noise(2, 5, WIDTH) if cross_attention else None
    projected = decoder.project(memory) if cross_attention else None
    cache, found = decoder.new_cache(2), []
    for position in range(10):
        logits, cache = decoder(
            sequence[:, position : position + 1], memory=projected, cache=cache, position=position
        )
        found.append(logits)
    whole = decoder(sequence, memory=memory)
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=1e-5)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("cross_attention", [False, True])
def test_parameter_counts_are_the_formulas(cross_attention, norm_first):
    d, layers, hidden, length = 12, 3, 20, 9
    arguments = {
        "context_length": length, "width": d, "num_layers": layers, "num_heads": 2,
        "hidden_units": hidden, "norm_first": norm_first,
    }  # fmt: skip
    attention = 4 * d * d + 4 * d
    dense = 2 * d * hidden + hidden + d
    norm = 2 * d
    table = VOCABULARY * d + length * d
    encoder = layers * (attention + dense + 2 * norm) + norm * norm_first + table
    assert make_encoder(**arguments).count_params() == encoder
    decoder = encoder + cross_attention * layers * (attention + norm)
    arguments["cross_attention"] = cross_attention
    # The output matrix is the embedding table, so it adds nothing; a start token adds a row.
    assert make_decoder(**arguments).count_params() == decoder
    assert make_decoder(**arguments, start_token=True).count_params() == decoder + d
    sines = make_decoder(**arguments, positions="sinusoidal")
    assert sines.count_params() == decoder - length * d


def test_initial_weights_are_gpts_and_no_two_alike():
    decoder = make_decoder(width=64, num_layers=4, cross_attention=True)
    small = 0.02 / math.sqrt(4 * 3)  # three branches a block
    seen = set()
    for weight in decoder.trainable_weights:
        value = weight.numpy()
        if value.ndim < 2:
            assert set(np.unique(value)) <= ({1.0} if "gamma" in weight.path else {0.0})
            continue
        ends_a_branch = "output" in weight.path
        assert value.std() == pytest.approx(small if ends_a_branch else 0.02, rel=0.1)
        key = round(float(value.flat[0] / value.std()), 4)
        assert key not in seen, f"{weight.path} repeats another matrix's numbers"
        seen.add(key)


def test_an_untrained_decoder_knows_nothing():
    decoder = TransformerDecoder(65, 32, 128, 4, 4)
    sequence = rng.integers(0, 65, (16, 33))
    loss = keras.losses.sparse_categorical_crossentropy(
        sequence[:, 1:], decoder(sequence[:, :-1]), from_logits=True
    )
    assert np.mean(loss) == pytest.approx(math.log(65), abs=0.1)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
@pytest.mark.parametrize(("width", "layers"), [(16, 1), (128, 4), (512, 1), (1024, 1)])
def test_no_width_makes_an_untrained_decoder_sure(width, layers, positions, norm_first):
    """With a gain of 1, it would be 4 nats above log V at a width of 512, and 10 at 1,024."""
    decoder = TransformerDecoder(
        14, 32, width, layers, 4, norm_first=norm_first, positions=positions
    )
    sequence = rng.integers(0, 14, (16, 33))
    loss = keras.losses.sparse_categorical_crossentropy(
        sequence[:, 1:], decoder(sequence[:, :-1]), from_logits=True
    )
    assert np.mean(loss) == pytest.approx(math.log(14), abs=0.3)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_networks_come_back_from_their_files(positions, tmp_path):
    encoder = disturb(make_encoder(positions=positions, norm_first=False, dropout=0.1))
    decoder = disturb(
        make_decoder(cross_attention=True, start_token=True, activation="relu", hidden_units=7)
    )
    source, target = tokens(2, 4), tokens(2, LENGTH)
    for network in (encoder, decoder):
        network.save(tmp_path / f"{network.name}.keras")
    encoder_2, decoder_2 = (
        keras.saving.load_model(tmp_path / f"{network.name}.keras")
        for network in (encoder, decoder)
    )
    before = decoder(target, memory=encoder(source))
    np.testing.assert_array_equal(before, decoder_2(target, memory=encoder_2(source)))


def test_unknown_positions_are_named():
    with pytest.raises(ValueError, match="learned"):
        make_decoder(positions="rotary")


def test_embeddings_are_as_large_as_the_sinusoids():
    encoder, sequence = make_encoder(positions="sinusoidal"), tokens(2, 5)
    table = encoder.embedding.embeddings.numpy()
    expected = table[sequence] * math.sqrt(WIDTH) + sinusoids(5, WIDTH)
    for block in encoder.blocks:  # whose branches add nothing now
        for name in ("attention", "output_layer"):
            for weight in getattr(block, name).trainable_weights:
                weight.assign(np.zeros(weight.shape))
    found = encoder(sequence)
    np.testing.assert_allclose(found, layer_norm(expected, encoder.last_norm), atol=1e-4)


@pytest.mark.low_precision
def test_a_network_comes_back_in_its_own_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    decoder, sequence = disturb(make_decoder()), tokens(2, LENGTH)
    before = np.array(decoder(sequence))
    decoder.save(tmp_path / "decoder.keras")
    keras.config.set_dtype_policy("float32")
    again = keras.saving.load_model(tmp_path / "decoder.keras")
    np.testing.assert_array_equal(before, again(sequence))
    assert again.blocks[0].attention.compute_dtype == "bfloat16"


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize(("width", "gain"), [(64, 1.0), (128, 1.0), (512, 0.25)])
def test_the_first_gain_is_small_in_wide_decoders_only(norm_first, width, gain):
    decoder = make_decoder(width=width, num_layers=1, norm_first=norm_first)
    last = decoder.last_norm if norm_first else decoder.blocks[-1].feed_forward_norm
    np.testing.assert_array_equal(last.gamma, np.full(width, gain))
    encoder = make_encoder(width=width, num_layers=1, norm_first=norm_first)
    last = encoder.last_norm if norm_first else encoder.blocks[-1].feed_forward_norm
    np.testing.assert_array_equal(last.gamma, np.ones(width))
