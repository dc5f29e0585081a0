"""What a training step needs so that N replicas compute what one computes.

With a `tf.distribute` strategy, each of N devices, a replica, runs the training step on its part of
the batch. Outside such a step, and on one device, the functions here change nothing.
"""

import tensorflow as tf


def count():
    """Number of replicas of the current strategy; 1 without one."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean(values):
    """The mean over all replicas of a tensor, or of each of a list; it passes gradients on."""
    context = _context()
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values) if context else values


def weight(samples):
    """How much a mean over this replica's samples counts in the mean over all; 1 on average.

    Args:
        samples: number of samples (or tokens) of this replica, which may differ between replicas.
    """
    if not _context():
        return 1.0
    samples = tf.cast(samples, tf.float32)
    return samples / mean(samples)


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
    """Random numbers for this replica's samples, a part of those for the whole batch.

    The random state is the same on all replicas. If each drew only for its own samples, all would
    get the same numbers, so that the noise of two samples would not be independent.

    Args:
        draw: a function from a shape to random numbers.
        shape: the shape for this replica's samples.
        axis: the axis of the samples.
    """
    context = _context()
    if not context:
        return draw(shape)
    own = shape[axis]
    drawn = draw((*shape[:axis], own * context.num_replicas_in_sync, *shape[axis + 1 :]))
    first = context.replica_id_in_sync_group * own
    return tf.gather(drawn, first + tf.range(own), axis=axis)


def _context():
    """The context of the replica whose step this is; None outside a step, or on one device."""
    return tf.distribute.get_replica_context() if count() > 1 else None
