"""Averaged weights, which make better samples than those of any one step."""

from keras import ops


def average_towards(averaged, network, decay, optimizer):
    """Moves the weights of a copy of a network a little towards those of the network.

    The decay starts lower, with `(1 + step) / (10 + step)`, so that the first random weights are
    soon forgotten.

    Args:
        averaged: the copy.
        network: the network that is trained.
        decay: decay rate of the average; 0 keeps both equal.
        optimizer: the optimizer of the network, which counts the steps.

    Reference: Yazici et al. 2019, https://arxiv.org/abs/1806.04498
    """
    step = ops.cast(optimizer.iterations, "float32")
    decay = ops.minimum(decay, (1.0 + step) / (10.0 + step))
    for average, value in zip(averaged.variables, network.variables, strict=True):
        average.assign(value + decay * (average - value))  # also statistics of batches
