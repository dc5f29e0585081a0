"""What a training step needs so that N parts of a batch compute what the whole batch computes.

With a `tf.distribute` strategy, each of N devices, a replica, runs the training step on its part of
the batch, at the same time. In `accumulated`, a device computes parts one after the other. Outside
both, the functions here change nothing.
"""

import contextlib
import dataclasses
import threading

import tensorflow as tf

_thread = threading.local()  # where each replica has its own part, because it is a thread


@dataclasses.dataclass
class _Part:
    """The part of a batch that is computed now."""

    number: tf.Tensor
    parts: int
    weight: tf.Tensor | float = 1.0


def count():
    """Number of replicas of the current strategy; 1 without one."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean(values):
    """The mean over all replicas of a tensor, or of each of a list; it passes gradients on."""
    context = _context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values) if context else values


def weight(samples):
    """How much a mean over the samples of this part counts in the mean over all.

    Args:
        samples: number of samples (or tokens) of this part, which may differ between parts.
    """
    part = _part()
    if part:  # `accumulated` divides by the sum, which is known after the last part
        part.weight = tf.cast(samples, tf.float32)
        return part.weight
    if not _context():
        return 1.0
    samples = tf.cast(samples, tf.float32)
    return samples / mean(samples)


def accumulated(gradients, data, weights, parts, seed_states=()):
    """The gradients of a batch, computed for one part of it after the other.

    Only one part needs memory for its activations at a time. On several devices, each cuts what it
    has of the batch.

    Args:
        gradients: a function of a batch that returns the gradients of mean losses, nested like
            `weights`.
        data: a batch, a nest of `(batch, ...)`.
        weights: a nest of variables.
        parts: number of equal parts; one means that nothing is cut.
        seed_states: states of seed generators. Each part begins with the same, and takes its part
            of what is drawn for the whole batch, with `own_part`.
    """
    if parts == 1:
        return gradients(data)
    pieces = tf.nest.map_structure(lambda each: _cut(each, parts), data)
    before = [tf.identity(state) for state in seed_states]
    without = set()  # places of weights without a gradient

    def add(number, total_weight, totals):
        for state, value in zip(seed_states, before, strict=True):
            state.assign(value)
        with _computing(_Part(number, parts)) as part:
            found = tf.nest.flatten(gradients(tf.nest.map_structure(lambda p: p[number], pieces)))
        without.update(place for place, each in enumerate(found) if each is None)
        totals = [t if g is None else t + g for t, g in zip(totals, found, strict=True)]
        return number + 1, total_weight + part.weight, totals

    flat = tf.nest.flatten(weights)
    state = tf.constant(0), tf.constant(0.0), [tf.zeros_like(each) for each in flat]
    if count() == 1:
        # Not a loop in Python: TensorFlow would compute all parts at the same time, and not save
        # any memory.
        state = tf.while_loop(lambda number, *_: number < parts, add, state, parallel_iterations=1)
    else:  # replicas cannot exchange numbers within a loop of TensorFlow
        for _ in range(parts):
            with tf.control_dependencies(tf.nest.flatten(state)):
                state = add(*state)
    _, total_weight, totals = state
    whole = mean(total_weight)
    averages = [None if i in without else each / whole for i, each in enumerate(totals)]
    return tf.nest.pack_sequence_as(weights, averages)


def apply_gradients(optimizer, gradients, weights):
    """Updates weights in the same way on all replicas, with the gradients of the whole batch.

    Args:
        optimizer: a built `keras.optimizers.Optimizer`.
        gradients: gradients of the mean loss of this replica's samples.
        weights: the variables.
    """
    if _context():
        # Keras clips the gradients of each replica, and then adds them up: N times the gradient of
        # the mean, clipped in another direction. Here they are averaged first, so nothing is left
        # to add. Keras has no public way to say so.
        used = [place for place, each in enumerate(gradients) if each is not None]
        gradients = list(gradients)
        for place, each in zip(used, mean([gradients[i] for i in used]), strict=True):
            gradients[place] = each
        optimizer._all_reduce_sum_gradients = lambda pairs: pairs
    optimizer.apply(gradients, weights)


def logs(values):
    """What a step returns: with several workers, Keras averages it along an axis, which it needs.

    Args:
        values: scalars by name.
    """
    several = _context() and isinstance(
        tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy
    )
    return {name: value[None] for name, value in values.items()} if several else values


def own_part(draw, shape, axis=0):
    """Random numbers for the samples of this part, taken from those for the whole batch.

    The random state is the same for all parts. If each drew only for its own samples, all would get
    the same numbers, so that the noise of two samples would not be independent.

    Args:
        draw: a function from a shape to random numbers.
        shape: the shape for the samples of this part.
        axis: the axis of the samples.
    """
    if not is_divided():
        return draw(shape)
    context, part, own = _context(), _part(), shape[axis]
    replica = context.replica_id_in_sync_group if context else 0
    number, parts = (part.number, part.parts) if part else (0, 1)
    drawn = draw((*shape[:axis], own * count() * parts, *shape[axis + 1 :]))
    first = (replica * parts + number) * own
    return tf.gather(drawn, first + tf.range(own), axis=axis)


def is_divided():
    """Whether this step has only a part of the batch."""
    return count() > 1 or _part() is not None


def _cut(batch, parts):
    """`(batch, ...)` as `(parts, batch / parts, ...)`."""
    size, shape = batch.shape[0], tf.shape(batch)
    problem = f"this batch cannot be cut into `accumulate={parts}` equal parts"
    if size and size % parts:
        raise ValueError(f"{problem}: it has {size} samples")
    with tf.control_dependencies([tf.debugging.assert_equal(shape[0] % parts, 0, problem)]):
        pieces = tf.reshape(batch, tf.concat([[parts, shape[0] // parts], shape[1:]], axis=0))
    return tf.ensure_shape(pieces, (parts, size and size // parts, *batch.shape[1:]))


def _part():
    """The part that `accumulated` computes now; None outside it."""
    return getattr(_thread, "part", None)


@contextlib.contextmanager
def _computing(part):
    _thread.part = part
    try:
        yield part
    finally:
        _thread.part = None


def _context():
    """The context of the replica whose step this is; None outside a step, or on one device."""
    return tf.distribute.get_replica_context() if count() > 1 else None
