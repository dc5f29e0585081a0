"""Beam search: the likeliest sequence that a few hypotheses, kept side by side, come upon."""

import tensorflow as tf

IMPOSSIBLE = -1e9  # a log-probability; finite, since sums of it are compared


def beam_search(next_log_p, cache, batch, size, width, max_length, padding, end, length_penalty):
    """Searches for the sequences of the highest score, as one loop for `tf.function`.

    At each step every continuation of the `width` hypotheses is ranked by its log-probability.
    Those among the best `width` that end are finished, and the best finished one is remembered; the
    best `width` that do not end live on. The search is over when none of these could become better,
    or at `max_length`, where they end too.

    Args:
        next_log_p: a function of `(batch, width, max_length)` tokens, of how many of them are
            written, and of the cache, that returns log p of each next token,
            `(batch, width, size)`, and the new cache.
        cache: a nest of tensors whose first axis is that of batch times width, or an empty one.
        batch: how many searches.
        size: of the vocabulary, at least 2.
        width: how many hypotheses; 1 is greedy decoding.
        max_length: the most tokens, the end token included.
        padding: the token behind the end; it is never written before.
        end: the token that ends a sequence.
        length_penalty: the score is log p / ((5 + length) / 6) ** length_penalty.

    Returns:
        `(batch, max_length)` int32, and log p of each, `(batch,)`.

    Reference: Sutskever et al. 2014, https://arxiv.org/abs/1409.3215;
        length penalty: Wu et al. 2016, https://arxiv.org/abs/1609.08144
    """
    ranked = min(2 * width, width * size)  # so many hold `width` that do not end

    def score(log_p, length):
        return log_p / ((5.0 + tf.cast(length, tf.float32)) / 6.0) ** length_penalty

    def better(best, hypotheses, log_p, length):
        """The better one of the best so far and the best of these, for each of the batch."""
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
    # All hypotheses begin alike: only the first counts, or they would stay alike.
    log_p = tf.tile(tf.where(tf.range(width) == 0, 0.0, IMPOSSIBLE)[None], (batch, 1))
    none = tf.fill((batch,), -float("inf"))
    _, live, log_p, best, _ = tf.while_loop(
        goes_on, step, (tf.constant(0), live, log_p, (live[:, 0], none, none), cache)
    )
    # What is still alive was cut at the longest length, or could not become better.
    tokens, log_p, _ = better(best, live, log_p, max_length)
    return tokens, log_p
