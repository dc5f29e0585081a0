"""The encoder-decoder: p(target | source), token by token."""

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
from genai_keras.sampling.beam_search import IMPOSSIBLE, beam_search


@keras.saving.register_keras_serializable(package="genai_keras")
class Seq2Seq(OneOptimizer):
    """An encoder that reads a source, and a decoder that writes a target, attending to it.

    Training uses teacher forcing: the decoder reads the true target, shifted by one token, and
    makes all predictions at once. Validation needs no loop either to know whether greedy decoding
    is right: its first wrong token is the same, so either both are completely right or neither is.

    Args:
        encoder: a `TransformerEncoder`.
        decoder: a `TransformerDecoder` with cross-attention and a start token.
        label_smoothing: fraction of each target that is spread over the vocabulary, in the loss of
            training and validation; `nats` is without it.
        padding: the token that pads a sequence; it is never seen and never counted.
        end: the token that ends every target.

    Call arguments:
        inputs: a pair of `(batch, source)` and `(batch, target)` int; the result is the logits of
            every target token given the previous ones, `(batch, target, vocabulary)`.

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
    """

    # The figures to watch.
    headline = ("loss", "val_loss", "val_exact_match")

    def __init__(self, encoder, decoder, label_smoothing=0.0, padding=0, end=1, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.label_smoothing = label_smoothing
        self.padding = padding
        self.end = end
        self.token_means = Means(("loss", "nats", "token_accuracy"), name="token_means")
        self.sentence_means = Means(("exact_match",), name="sentence_means")
        self.build([(None, None), (None, None)])

    def call(self, inputs, training=False):
        return self.decoder.logits(self.states(*inputs, training=training))

    def states(self, source, target, training=False):
        """The states from which each target token is predicted, `(batch, target, width)`."""
        return self.decoder.states(**self._read(source, target, training), training=training)

    def attention_weights(self, inputs):
        """The attention weights of the decoder; see `TransformerDecoder.attention_weights`."""
        return self.decoder.attention_weights(**self._read(*inputs))

    def encode(self, source, training=False):
        """The states of the encoder, `(batch, source, width)`, and which are not padding."""
        mask = source != self.padding
        return self.encoder(source, padding_mask=mask, training=training), mask

    @property
    def metrics(self):
        return [self.token_means, self.sentence_means]

    def train_step(self, data):
        """Updates both networks once, on the mean loss of the target's tokens."""
        gradients = self.accumulated(data, self.trainable_variables)
        replicas.apply_gradients(self.optimizer, gradients, self.trainable_variables)
        return self.get_metrics_result()

    def gradients(self, data):
        """The gradients of the loss on a batch, or a part of one, which the metrics count."""
        source, target, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            terms = self.terms(source, target, training=True)
            loss = terms["loss"] * replicas.weight(terms["tokens"])
        self._record(terms)
        return tape.gradient(loss, self.trainable_variables)

    def test_step(self, data):
        source, target, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._record(self.terms(source, target))

    def terms(self, source, target, training=False):
        """The loss and its parts, for training and validation.

        Args:
            source: `(batch, source)` int.
            target: `(batch, target)` int, each with the end token; none may be all padding.
            training: passed on to the networks.

        Returns:
            A dictionary of scalars, means over the target tokens without padding: `loss` and
            `nats`, with and without label smoothing, and `token_accuracy`; `tokens`, their number;
            and `exact_match`, `(batch,)`, 1 where every token was right.
        """
        target = ops.cast(target, "int32")
        counted = tf.where(target != self.padding)  # (tokens, 2): sentence and place of each
        # Padding, often half of a batch of sentences, is removed before the largest matrix.
        states = tf.gather_nd(self.states(source, target, training=training), counted)
        logits = self.decoder.logits(states)  # (tokens, vocabulary)
        target_tokens = tf.gather_nd(target, counted)
        # Padding is never generated, so it cannot be chosen here either.
        is_padding = tf.range(logits.shape[-1]) == self.padding
        likeliest = samplers.greedy(tf.where(is_padding, IMPOSSIBLE, logits))
        right = ops.cast(likeliest == target_tokens, "float32")
        nats = loss = ops.mean(losses.cross_entropy(target_tokens, logits))
        if self.label_smoothing:
            loss += self.label_smoothing * ops.mean(losses.smoothing_penalty(target_tokens, logits))
        return {
            "loss": loss,
            "nats": nats,
            "token_accuracy": ops.mean(right),
            "tokens": ops.shape(right)[0],
            "exact_match": tf.math.segment_min(right, counted[:, 0]),
        }

    @functools.cached_property
    def _search_targets(self):
        """One graph, which goes when the model goes."""
        return tf.function(search_targets, reduce_retracing=True, autograph=False)

    def generate(
        self,
        source,
        beam_width=1,
        max_length=None,
        length_penalty=0.0,
        use_cache=True,
        return_log_probs=False,
    ):
        """Generates the target of each source, greedily or with `beam_search`.

        Args:
            source: `(batch, source)` int, padded.
            beam_width: number of hypotheses; 1 is greedy decoding.
            max_length: largest number of tokens, including the end token; None is the context
                length of the decoder.
            length_penalty: 0 compares hypotheses by their log-probability, which falls with each
                token; values from 0.6 to 1 compensate for this.
            use_cache: whether to keep the keys and values of previous tokens.
            return_log_probs: whether to return the log-probabilities, too.

        Returns:
            `(batch, max_length)` int32, padded after the end token; if requested, a pair of this
            and the log-probability of each, `(batch,)` float32, in nats.
        """
        if beam_width < 1:
            raise ValueError(f"beam_width must be at least 1, not {beam_width}")
        longest = self.decoder.context_length
        max_length = longest if max_length is None else max_length
        if not 1 <= max_length <= longest:
            raise ValueError(
                f"max_length must be 1 to {longest}, the context length, not {max_length}"
            )
        written, log_p = self._search_targets(
            self,
            tf.constant(np.asarray(source, "int32")),
            beam_width,
            max_length,
            # Greedy decoding has only one hypothesis, so there is nothing to compare.
            tf.constant(float(length_penalty) if beam_width > 1 else 0.0),
            use_cache,
        )
        return (written.numpy(), log_p.numpy()) if return_log_probs else written.numpy()

    def _read(self, source, target, training=False):
        """The inputs of the decoder: the target, shifted by one token, and the source's states."""
        source, target = ops.cast(source, "int32"), ops.cast(target, "int32")
        memory, source_mask = self.encode(source, training=training)
        start = ops.full((ops.shape(target)[0], 1), self.decoder.vocabulary_size, "int32")
        tokens = ops.concatenate([start, target[:, :-1]], axis=1)
        return {
            "tokens": tokens,
            "memory": memory,
            "padding_mask": tokens != self.padding,
            "memory_padding_mask": source_mask,
        }

    def _record(self, terms):
        self.token_means.update_state(terms, samples=terms["tokens"])
        self.sentence_means.update_state(terms, samples=ops.shape(terms["exact_match"])[0])
        return self.get_metrics_result()

    def get_config(self):
        return {
            "name": self.name,
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "label_smoothing": self.label_smoothing,
            "padding": self.padding,
            "end": self.end,
        }


def search_targets(model, source, width, max_length, length_penalty, use_cache):
    """The loop of `generate` as one graph. Rows are sentences times hypotheses."""
    decoder, size = model.decoder, model.decoder.vocabulary_size
    source = tf.compat.v1.placeholder_with_default(source, (None, None))  # one loop for all shapes
    batch = tf.shape(source)[0]
    memory, mask = model.encode(source)
    memory, mask = (tf.repeat(each, width, axis=0) for each in (memory, mask))
    memory = decoder.project(memory)

    def next_log_p(written, length, cache):
        start = tf.fill((batch * width, 1), size)
        tokens = tf.concat([start, tf.reshape(written, (batch * width, max_length))], axis=1)
        if use_cache:
            logits, cache = decoder(
                tokens[:, length][:, None],
                memory=memory,
                memory_padding_mask=mask,
                cache=cache,
                position=length,
            )
        else:
            logits = decoder(tokens[:, : length + 1], memory=memory, memory_padding_mask=mask)
        return tf.reshape(ops.log_softmax(logits[:, -1]), (batch, width, size)), cache

    return beam_search(
        next_log_p,
        decoder.new_cache(batch * width) if use_cache else [],
        batch,
        size,
        width,
        max_length,
        model.padding,
        model.end,
        length_penalty,
    )
