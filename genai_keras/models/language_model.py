"""The autoregressive language model: p(x) = product over i of p(x_i given those before it)."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from genai_keras import losses, samplers
from genai_keras.models.base import OneOptimizer
from genai_keras.models.means import Means
from genai_keras.models.noise import BLOCK
from genai_keras.networks import transformer  # noqa: F401  whose classes saved models have

COLDEST = 1e-4  # temperature, below which logits would overflow


@keras.saving.register_keras_serializable(package="genai_keras")
class LanguageModel(OneOptimizer):
    """A decoder that predicts each token from those before it.

    Args:
        decoder: a `TransformerDecoder`, or a `keras.Model` called alike. If it has a start token, a
            sequence is predicted from its first token on, and the probability of whole sequences
            is exact; else from its second on.
        scales: further metrics that are the loss times a constant, such as
            `{"bits_per_character": 1.4427}`, or `{"nats_per_image": 196}` for 196 tokens each.

    Call arguments:
        tokens: `(batch, length)` int; the result is the logits of the tokens that the loss is of.

    Reference: Radford et al. 2019 (GPT-2)
    """

    def __init__(self, decoder, scales=None, **kwargs):
        super().__init__(**kwargs)
        self.decoder = decoder
        self.scales = dict(scales or {})
        self.means = Means(("loss", "token_accuracy", *self.scales))
        self.build((None, None))

    def call(self, tokens, training=False):
        return self.decoder(self._inputs(tokens), training=training)

    def attention_weights(self, tokens):
        """Where the decoder looks while it reads, as `TransformerDecoder.attention_weights`."""
        return self.decoder.attention_weights(self._inputs(tokens))

    @property
    def metrics(self):
        return [self.means]

    def train_step(self, data):
        tokens, _, _ = keras.utils.unpack_x_y_sample_weight(data)  # (batch, length)
        with tf.GradientTape() as tape:
            terms = self.terms(tokens, training=True)
        gradients = tape.gradient(terms["loss"], self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._record(terms, tokens)

    def test_step(self, data):
        tokens, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._record(self.terms(tokens), tokens)

    def terms(self, tokens, training=False):
        """What training and validation share.

        Returns:
            A dictionary of `nats`, -log p of each token, and `right`, whether it was the likeliest,
            both `(batch, predicted)`; and `loss`, the mean of the nats.
        """
        targets = tokens if self.decoder.has_start_token else tokens[:, 1:]
        targets = ops.cast(targets, "int32")
        logits = self(tokens, training=training)  # (batch, predicted, vocabulary)
        nats = losses.cross_entropy(targets, logits)
        return {
            "nats": nats,
            "loss": ops.mean(nats),
            "right": ops.cast(samplers.greedy(logits) == targets, "float32"),
        }

    def log_likelihood(self, tokens, batch_size=100):
        """log p of each sequence; without a start token, given its first token.

        Args:
            tokens: `(n, length)` int, no longer than the context.
            batch_size: sequences at a time.

        Returns:
            `(n,)` float64, in nats.
        """
        found = [
            -_nats(self, tf.constant(tokens[start : start + batch_size])).numpy().sum(axis=1)
            for start in range(0, len(tokens), batch_size)
        ]
        return np.concatenate(found).astype("float64")

    def generate(
        self, prompt, count, temperature=1.0, top_k=None, top_p=None, seed=0, use_cache=True
    ):
        """Continues prompts, one token at a time.

        What the model sees of a text of n tokens is a rule of n alone: all of it while it fits into
        the context; then the context moves by half its length at a time, so that it always holds
        the last tokens, between a half and a whole context of them. A prompt longer than the
        context is read by the same rule. Learned positions are those within the context: when it
        moves, every token has a new one, so what was cached is of no use and is computed anew.
        Moving by halves makes that rare; in float32 the cache changes nothing but the time, up to
        rounding.

        Args:
            prompt: `(length,)` or `(batch, length)` int, at least one token each; none is needed if
                the decoder has a start token.
            count: how many tokens to add.
            temperature: of the logits; 0, or less than 0.0001, takes the likeliest token.
            top_k: draw from the k likeliest only.
            top_p: draw from the fewest likeliest that have this probability together.
            seed: equal seeds give equal texts.
            use_cache: keep the keys and values of tokens that were read.

        Returns:
            The prompts and what follows them, `(batch, length + count)` int32.

        Raises:
            ValueError: no token to begin with, or a temperature, k or p out of range.
        """
        _check_sampling(temperature, top_k, top_p)
        prompt = np.atleast_2d(np.asarray(prompt, "int32"))
        if self.decoder.has_start_token:
            start = np.full((len(prompt), 1), self.decoder.vocabulary_size, "int32")
            prompt = np.concatenate([start, prompt], axis=1)
        if not prompt.shape[1]:
            raise ValueError("a prompt needs at least one token")
        sequence = continue_tokens(
            self.decoder,
            tf.constant(prompt),
            tf.constant(count),
            tf.constant(seed, "int64"),
            None if temperature < COLDEST else tf.constant(float(temperature)),
            None if top_k is None else tf.constant(min(top_k, self.decoder.vocabulary_size)),
            None if top_p is None else tf.constant(float(top_p)),
            use_cache,
        )
        return sequence.numpy()[:, int(self.decoder.has_start_token) :]

    def stream(self, prompts, count, seed=0, **sampling):
        """Yields what `generate` makes of prompts `(n, length)`, some of them at a time.

        Each part has random numbers of its own, so that n may be large.
        """
        for number, start in enumerate(range(0, len(prompts), BLOCK)):
            (key,) = np.random.SeedSequence([seed, number]).generate_state(1)
            yield self.generate(prompts[start : start + BLOCK], count, seed=int(key), **sampling)

    def _inputs(self, tokens):
        """What the decoder reads: each token but the last, behind the start token if it has one."""
        tokens = ops.cast(tokens, "int32")
        if not self.decoder.has_start_token:
            return tokens[:, :-1]
        start = ops.full((ops.shape(tokens)[0], 1), self.decoder.vocabulary_size, "int32")
        return ops.concatenate([start, tokens[:, :-1]], axis=1)

    def _record(self, terms, tokens):
        values = {"loss": terms["loss"], "token_accuracy": terms["right"]}
        for name, scale in self.scales.items():
            values[name] = scale * terms["loss"]
        self.means.update_state(values, samples=ops.shape(tokens)[0])
        return self.means.result()

    def get_config(self):
        return {
            "name": self.name,
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "scales": self.scales,
        }


def context_start(length, context_length):
    """The first token that is seen of a text of `length` tokens; see `LanguageModel.generate`."""
    half = max(context_length // 2, 1)
    moves = -(-(length - context_length) // half)  # rounded up
    return half * tf.maximum(moves, 0)


def read_context(decoder, sequence, length, cache=None):
    """Reads all that the context holds of the first `length` tokens: the logits of the next one.

    Args:
        decoder: a `TransformerDecoder`.
        sequence: `(batch, at least length)` int.
        length: how many tokens there are so far.
        cache: an empty one, to be filled.

    Returns:
        `(batch, vocabulary)`; with a cache, this and the new cache.
    """
    seen = sequence[:, context_start(length, decoder.context_length) : length]
    if cache is None:
        return decoder(seen)[:, -1]
    logits, cache = decoder(seen, cache=cache)
    return logits[:, -1], cache


def read_token(decoder, sequence, length, cache):
    """The same with a cache of all tokens but the last, which alone is read.

    The context must not have moved with this token: the cache would be of other positions.

    Returns:
        `(batch, vocabulary)`, and the new cache.
    """
    position = length - 1 - context_start(length, decoder.context_length)
    last = sequence[:, length - 1][:, None]  # (batch, 1)
    logits, cache = decoder(last, cache=cache, position=position)
    return logits[:, -1], cache


@tf.function(reduce_retracing=True)
def _nats(model, tokens):
    return model.terms(tokens)["nats"]


@tf.function(reduce_retracing=True, autograph=False)
def continue_tokens(decoder, prompt, count, seed, temperature, top_k, top_p, use_cache):
    """The loop of `generate`, in one graph; a temperature of None is 0."""
    # Of no known shape, so that a loop of one shape serves every prompt.
    prompt = tf.compat.v1.placeholder_with_default(prompt, (None, None))
    batch, length = tf.shape(prompt)[0], tf.shape(prompt)[1]
    total = length + count
    sequence = tf.pad(prompt, [[0, 0], [0, count]])  # (batch, total)

    def choose(logits, length, sequence):
        """Writes the next token."""
        if temperature is None:
            token = samplers.greedy(logits)
        else:
            logits = samplers.temper(logits, temperature)
            if top_k is not None:
                logits = samplers.keep_top_k(logits, top_k)
            if top_p is not None:
                logits = samplers.keep_top_p(logits, top_p)
            token = samplers.sample(logits, tf.stack([seed, tf.cast(length, tf.int64)]))
        return length + 1, tf.where(tf.range(total) == length, token[:, None], sequence)

    def until_the_context_moves(length, sequence):
        """Fills a cache, and writes with it for as long as it is of use."""
        last = tf.minimum(
            context_start(length, decoder.context_length) + decoder.context_length, total - 1
        )

        def write_and_read(length, sequence, logits, cache):
            length, sequence = choose(logits, length, sequence)
            return length, sequence, *read_token(decoder, sequence, length, cache)

        logits, cache = read_context(decoder, sequence, length, decoder.new_cache(batch))
        length, sequence, logits, _ = tf.while_loop(
            lambda length, *_: length < last, write_and_read, (length, sequence, logits, cache)
        )
        return choose(logits, length, sequence)

    def one_token(length, sequence):
        return choose(read_context(decoder, sequence, length), length, sequence)

    _, sequence = tf.while_loop(
        lambda length, _: length < total,
        until_the_context_moves if use_cache else one_token,
        (length, sequence),
    )
    return sequence


def _check_sampling(temperature, top_k, top_p):
    if temperature < 0:
        raise ValueError(f"temperature must be at least 0, not {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")
