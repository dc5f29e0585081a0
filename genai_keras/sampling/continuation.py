"""Continuing a text: read what the context holds of it, choose a token, append it, and again.

`continue_plainly` is the algorithm, `continue_with_cache` the same in less time.
"""

import numpy as np
import tensorflow as tf

from genai_keras.data.pixels import upper_half
from genai_keras.sampling import samplers


def continue_plainly(decoder, sequence, length, choose):
    """Writes the tokens from place `length` on; each time, the whole context is read.

    Args:
        decoder: a `TransformerDecoder`.
        sequence: `(batch, total)` int32, of which the first `length` tokens are written.
        length: how many they are.
        choose: a function from logits `(batch, vocabulary)` and the number of tokens so far to the
            next token, `(batch,)` int32.

    Returns:
        The sequence, `(batch, total)`.
    """
    while length < tf.shape(sequence)[1]:
        logits = read_context(decoder, sequence, length)
        sequence = write_token(sequence, length, choose(logits, length))
        length += 1
    return sequence


def continue_with_cache(decoder, sequence, length, choose):
    """The same, but only the last token is read for as long as the context does not move."""
    batch, total = tf.shape(sequence)[0], tf.shape(sequence)[1]
    while length < total:
        logits, cache = read_context(decoder, sequence, length, decoder.new_cache(batch))
        full = context_start(length, decoder.context_length) + decoder.context_length
        while length < tf.minimum(full, total - 1):
            sequence = write_token(sequence, length, choose(logits, length))
            length += 1
            logits, cache = read_token(decoder, sequence, length, cache)
        sequence = write_token(sequence, length, choose(logits, length))
        length += 1
    return sequence


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


def write_token(sequence, length, token):
    """The sequence with a token, `(batch,)`, behind its first `length` ones."""
    return tf.where(tf.range(tf.shape(sequence)[1]) == length, token[:, None], sequence)


@tf.function(reduce_retracing=True)
def continue_tokens(decoder, prompt, max_new_tokens, seed, temperature, top_k, top_p, use_cache):
    """Appends tokens to prompts in one graph, into which AutoGraph turns the loops.

    Args:
        decoder: a `TransformerDecoder`.
        prompt: `(batch, length)` int32, at least one token each.
        max_new_tokens: how many to append.
        seed: int64; each token is drawn with it and with its place.
        temperature, top_k, top_p: as of `samplers.choose`.
        use_cache: which of the loops.

    Returns:
        `(batch, length + max_new_tokens)` int32.
    """
    # Of no known shape: the variables of a loop must keep theirs, and the cache makes it unknown.
    prompt = tf.compat.v1.placeholder_with_default(prompt, (None, None))
    sequence = tf.pad(prompt, [[0, 0], [0, max_new_tokens]])

    def choose(logits, length):
        key = tf.stack([seed, tf.cast(length, tf.int64)])
        return samplers.choose(logits, key, temperature, top_k, top_p)

    loop = continue_with_cache if use_cache else continue_plainly
    return loop(decoder, sequence, tf.shape(prompt)[1], choose)


def complete(model, sequences, times=1, **sampling):
    """Writes the lower halves of images whose upper halves are given.

    Args:
        model: a `LanguageModel` of pixels.
        sequences: `(n, pixels)` int.
        times: how often to complete each of them.
        **sampling: as of `LanguageModel.generate`.

    Returns:
        `(times * n, pixels)` int32: all n, then all n again.
    """
    half = upper_half(sequences)
    prompts = np.tile(sequences[:, :half], (times, 1))
    return np.concatenate(list(model.stream(prompts, sequences.shape[1] - half, **sampling)))
