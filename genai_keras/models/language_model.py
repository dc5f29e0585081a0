"""The autoregressive language model: p(x) is the product over i of p(x_i | x_1 .. x_(i-1))."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from genai_keras import losses, replicas
from genai_keras.models.base import OneOptimizer
from genai_keras.models.metrics import Means
from genai_keras.networks import transformer  # noqa: F401  saved models need its classes
from genai_keras.sampling import samplers
from genai_keras.sampling.continuation import continue_tokens
from genai_keras.sampling.noise import BLOCK


@keras.saving.register_keras_serializable(package="genai_keras")
class LanguageModel(OneOptimizer):
    """A decoder that predicts each token from the previous ones.

    Args:
        decoder: a `TransformerDecoder`, or a `keras.Model` with the same calls. With a start token,
            it also predicts the first token of a sequence, and the probability of whole sequences
            is exact; otherwise it predicts from the second token on.
        scales: further metrics that are the loss times a constant, such as
            `{"bits_per_character": 1.4427}`, or `{"nats_per_image": 196}` for images of 196 tokens.

    Call arguments:
        tokens: `(batch, length)` int; the result is the logits of all predicted tokens.

    Reference: Radford et al. 2019 (GPT-2)
    """

    # The figures to watch.
    headline = ("loss", "val_loss", "val_bits_per_character", "val_nats_per_image")

    def __init__(self, decoder, scales=None, **kwargs):
        super().__init__(**kwargs)
        self.decoder = decoder
        self.scales = dict(scales or {})
        self.means = Means(("loss", "token_accuracy", *self.scales))
        self.build((None, None))

    def call(self, tokens, training=False):
        return self.decoder(self._inputs(tokens), training=training)

    def attention_weights(self, tokens):
        """The attention weights of the decoder; see `TransformerDecoder.attention_weights`."""
        return self.decoder.attention_weights(self._inputs(tokens))

    @property
    def metrics(self):
        return [self.means]

    def train_step(self, data):
        """Updates the decoder once, on the mean -log p of the predicted tokens."""
        gradients = self.accumulated(data, self.trainable_variables)
        replicas.apply_gradients(self.optimizer, gradients, self.trainable_variables)
        return self.get_metrics_result()

    def gradients(self, data):
        """The gradients of the loss on a batch, or a part of one, which `means` counts."""
        tokens, _, _ = keras.utils.unpack_x_y_sample_weight(data)  # (batch, length)
        with tf.GradientTape() as tape:
            terms = self.terms(tokens, training=True)
        self._record(terms, tokens)
        return tape.gradient(terms["loss"], self.trainable_variables)

    def test_step(self, data):
        tokens, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._record(self.terms(tokens), tokens)

    def terms(self, tokens, training=False):
        """The loss and its parts, for training and validation.

        Returns:
            A dictionary of `nats`, -log p of each token, and `right`, whether it was the most
            likely, both `(batch, predicted)`; and `loss`, the mean of the nats.
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

    # Compiled for each model, so that their graphs go when it goes.
    @functools.cached_property
    def continue_tokens(self):
        """`sampling.continuation.continue_tokens` as one graph."""
        return tf.function(continue_tokens, reduce_retracing=True)

    @functools.cached_property
    def _nats(self):
        return tf.function(lambda tokens: self.terms(tokens)["nats"], reduce_retracing=True)

    def log_likelihood(self, tokens, batch_size=100):
        """log p of each sequence; without a start token, given its first token.

        Args:
            tokens: `(n, length)` int, no longer than the context.
            batch_size: number of sequences at a time.

        Returns:
            `(n,)` float64, in nats.
        """
        found = [
            -self._nats(tf.constant(tokens[start : start + batch_size])).numpy().sum(axis=1)
            for start in range(0, len(tokens), batch_size)
        ]
        return np.concatenate(found).astype("float64")

    def generate(
        self,
        prompt,
        max_new_tokens,
        temperature=1.0,
        top_k=None,
        top_p=None,
        seed=0,
        use_cache=True,
    ):
        """Continues prompts, one token at a time.

        The part of a text of n tokens that the model sees depends only on n. It sees all of a text
        that fits into the context. After that, the context moves by half its length at a time, so
        that it always contains the last tokens: between half a context and a whole one. The same
        rule holds for a prompt longer than the context. Learned positions count within the context,
        so when it moves, every token gets a new position and the cache is computed again. Moving by
        halves makes this rare. In float32, the cache changes only the time, up to rounding.

        Args:
            prompt: `(length,)` or `(batch, length)` int, at least one token each; none is needed if
                the decoder has a start token.
            max_new_tokens: number of tokens to add; there is no token that ends a text.
            temperature: divides the logits; 0, or less than 0.0001, takes the most likely token.
            top_k: sample among the k most likely tokens only.
            top_p: sample among the fewest most likely tokens with this total probability.
            seed: equal seeds give equal texts.
            use_cache: whether to keep the keys and values of previous tokens.

        Returns:
            The prompts and their continuations, `(batch, length + max_new_tokens)` int32.

        Raises:
            ValueError: there is no first token, or temperature, k or p is out of range.
        """
        _check_sampling(temperature, top_k, top_p)
        prompt = np.atleast_2d(np.asarray(prompt, "int32"))
        if self.decoder.has_start_token:
            start = np.full((len(prompt), 1), self.decoder.vocabulary_size, "int32")
            prompt = np.concatenate([start, prompt], axis=1)
        if not prompt.shape[1]:
            raise ValueError("a prompt needs at least one token")
        sequence = self.continue_tokens(
            self.decoder,
            tf.constant(prompt),
            tf.constant(max_new_tokens),
            tf.constant(seed, "int64"),
            None if temperature < samplers.COLDEST else tf.constant(float(temperature)),
            None if top_k is None else tf.constant(min(top_k, self.decoder.vocabulary_size)),
            None if top_p is None else tf.constant(float(top_p)),
            use_cache,
        )
        return sequence.numpy()[:, int(self.decoder.has_start_token) :]

    def stream(self, prompts, max_new_tokens, seed=0, **sampling):
        """Yields the results of `generate` for prompts `(n, length)` in parts.

        Each part has its own random numbers, so n may be large.
        """
        for number, start in enumerate(range(0, len(prompts), BLOCK)):
            (key,) = np.random.SeedSequence([seed, number]).generate_state(1)
            part = prompts[start : start + BLOCK]
            yield self.generate(part, max_new_tokens, seed=int(key), **sampling)

    def _inputs(self, tokens):
        """The input of the decoder: all tokens but the last, after the start token if any."""
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
        return self.get_metrics_result()

    def get_config(self):
        return {
            "name": self.name,
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "scales": self.scales,
        }


def _check_sampling(temperature, top_k, top_p):
    if temperature < 0:
        raise ValueError(f"temperature must be at least 0, not {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")
