"""Beam search: finds a likely sequence by extending a few hypotheses in parallel."""

import tensorflow as tf

IMPOSSIBLE = -1e9  # a log-probability; finite, because sums of it are compared


def beam_search(next_log_p, cache, batch, size, width, max_length, padding, end, length_penalty):
    """Searches for the sequences with the highest score, as one loop for `tf.function`.

    Each step ranks all continuations of the `width` hypotheses by their log-probability. Those
    among the best `width` that end are finished, and the best finished one is kept. The best
    `width` that do not end continue. The search stops when none of them can become better, or at
    `max_length`, where they end, too.

    Args:
        next_log_p: a function of the tokens, `(batch, width, max_length)`, the number of tokens so
            far, and the cache. It returns log p of each next token, `(batch, width, size)`, and
            the new cache.
        cache: a nested structure of tensors with a first axis of size batch times width, or an
            empty one.
        batch: number of searches.
        size: size of the vocabulary, at least 2.
        width: number of hypotheses; 1 is greedy decoding.
        max_length: largest number of tokens, including the end token.
        padding: the token after the end; it is never generated.
        end: the token that ends a sequence.
        length_penalty: the score is log p / ((5 + length) / 6) ** length_penalty.

    Returns:
        `(batch, max_length)` int32, and log p of each, `(batch,)`.

    Reference: Sutskever et al. 2014, https://arxiv.org/abs/1409.3215;
        length penalty: Wu et al. 2016, https://arxiv.org/abs/1609.08144
    """
    ranked = min(2 * width, width * size)  # at least `width` of these do not end

    def score(log_p, length):
        return log_p / ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** length_penalty

    def better(best, hypotheses, log_p, length):
        """The better of the best so far and the best of these hypotheses, for each search."""
        tokens, best_log_p, best_score = best
        chosen = tf.argmax(log_p, axis=1)
        new_log_p = tf.gather(log_p, chosen, batch_dims=1)
        new_score = score(new_log_p, length)
        is_better = new_score > best_score
        return (
            tf.where(is_better[:, None], tf.gather(hypotheses, chosen, batch_dims=1), tokens),
            tf.where(is_better, new_log_p, best_log_p),
            tf.where(is_better, new_score, best_score),
        )

    def goes_on(length, live, log_p, best, cache):
        could_become = score(tf.reduce_max(log_p, axis=1), max_length)
        return (length < max_length) & tf.reduce_any(could_become > best[2])

    def step(length, live, log_p, best, cache):
        next_p, cache = next_log_p(live, length, cache)
        next_p = tf.where(tf.range(size) == padding, IMPOSSIBLE, next_p)
        candidates = tf.reshape(log_p[..., None] + next_p, (batch, width * size))
        log_p, chosen = tf.math.top_k(candidates, ranked)  # (batch, ranked)
        parent, token = chosen // size, chosen % size
        longer = tf.gather(live, parent, batch_dims=1)  # (batch, ranked, max_length)
        longer = tf.where(tf.range(max_length) == length, token[..., None], longer)
        ends = token == end
        finished = ends & (tf.range(ranked) < width)
        best = better(best, longer, tf.where(finished, log_p, 2 * IMPOSSIBLE), length + 1)
        log_p, kept = tf.math.top_k(tf.where(ends, 2 * IMPOSSIBLE, log_p), width)
        live = tf.gather(longer, kept, batch_dims=1)
        rows = tf.gather(parent, kept, batch_dims=1) + width * tf.range(batch)[:, None]
        cache = tf.nest.map_structure(lambda kept: tf.gather(kept, tf.reshape(rows, (-1,))), cache)
        return length + 1, live, log_p, best, cache

    live = tf.fill((batch, width, max_length), padding)
    # All hypotheses start equal. Only the first counts, otherwise they would stay equal.
    log_p = tf.tile(tf.where(tf.range(width) == 0, 0.0, IMPOSSIBLE)[None], (batch, 1))
    none = tf.fill((batch,), -float("inf"))
    _, live, log_p, best, _ = tf.while_loop(
        goes_on, step, (tf.constant(0), live, log_p, (live[:, 0], none, none), cache)
    )
    # Hypotheses that are still alive were cut at the largest length, or could not become better.
    tokens, log_p, _ = better(best, live, log_p, max_length)
    return tokens, log_p
