"""Continuing a text: repeatedly read the part in the context, choose a token and append it.

`continue_plainly` is the algorithm; `continue_with_cache` gives the same result in less time.
"""

import numpy as np
import tensorflow as tf

from genai_keras.data.pixels import upper_half
from genai_keras.sampling import samplers


def continue_plainly(decoder, sequence, length, choose):
    """Generates the tokens from position `length` on, reading the whole context each time.

    Args:
        decoder: a `TransformerDecoder`.
        sequence: `(batch, total)` int32; the first `length` tokens are given.
        length: number of given tokens.
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
    """The same, but reads only the last token while the context does not move."""
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
    """The first visible token of a text of `length` tokens; see `LanguageModel.generate`."""
    half = max(context_length // 2, 1)
    moves = -(-(length - context_length) // half)  # rounded up
    return half * tf.maximum(moves, 0)


def read_context(decoder, sequence, length, cache=None):
    """The logits of the next token, from the part of `length` tokens that is in the context.

    Args:
        decoder: a `TransformerDecoder`.
        sequence: `(batch, at least length)` int.
        length: number of tokens so far.
        cache: an empty cache to fill.

    Returns:
        `(batch, vocabulary)`; with a cache, this and the new cache.
    """
    seen = sequence[:, context_start(length, decoder.context_length) : length]
    if cache is None:
        return decoder(seen)[:, -1]
    logits, cache = decoder(seen, cache=cache)
    return logits[:, -1], cache


def read_token(decoder, sequence, length, cache):
    """The same with a cache of all tokens but the last, so that it reads only the last.

    The context must not have moved with this token, because the cache has the old positions.

    Returns:
        `(batch, vocabulary)`, and the new cache.
    """
    position = length - 1 - context_start(length, decoder.context_length)
    last = sequence[:, length - 1][:, None]  # (batch, 1)
    logits, cache = decoder(last, cache=cache, position=position)
    return logits[:, -1], cache


def write_token(sequence, length, token):
    """The sequence with a token, `(batch,)`, after its first `length` tokens."""
    return tf.where(tf.range(tf.shape(sequence)[1]) == length, token[:, None], sequence)


def continue_tokens(decoder, prompt, max_new_tokens, seed, temperature, top_k, top_p, use_cache):
    """Appends tokens to prompts in one graph; AutoGraph converts the loops.

    Args:
        decoder: a `TransformerDecoder`.
        prompt: `(batch, length)` int32, at least one token each.
        max_new_tokens: number of tokens to append.
        seed: int64; each token is sampled with it and with its position.
        temperature, top_k, top_p: as in `samplers.choose`.
        use_cache: which of the two loops to use.

    Returns:
        `(batch, length + max_new_tokens)` int32.
    """
    # Without a static shape: loop variables must keep theirs, and the cache makes it unknown.
    prompt = tf.compat.v1.placeholder_with_default(prompt, (None, None))
    sequence = tf.pad(prompt, [[0, 0], [0, max_new_tokens]])

    def choose(logits, length):
        key = tf.stack([seed, tf.cast(length, tf.int64)])
        return samplers.choose(logits, key, temperature, top_k, top_p)

    loop = continue_with_cache if use_cache else continue_plainly
    return loop(decoder, sequence, tf.shape(prompt)[1], choose)


def complete(model, sequences, times=1, **sampling):
    """Generates the lower halves of images from their upper halves.

    Args:
        model: a `LanguageModel` of pixels.
        sequences: `(n, pixels)` int.
        times: number of completions of each image.
        **sampling: as in `LanguageModel.generate`.

    Returns:
        `(times * n, pixels)` int32: one completion of all n, then the next of all n, and so on.
    """
    half = upper_half(sequences)
    prompts = np.tile(sequences[:, :half], (times, 1))
    return np.concatenate(list(model.stream(prompts, sequences.shape[1] - half, **sampling)))
