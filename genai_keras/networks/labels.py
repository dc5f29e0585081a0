"""How a network is told the class of a sample: a second input, the one-hot label."""

import keras
from keras import layers


def join_label(network_input, vector, classes):
    """Puts a label behind a vector inside a network.

    Args:
        network_input: the `keras.Input` that `vector` comes from.
        vector: `(batch, length)`.
        classes: how many there are; 0 joins nothing.

    Returns:
        The network's inputs, and the vector to go on with, `(batch, length + classes)`.
    """
    if not classes:
        return network_input, vector
    label = keras.Input((classes,), name="label")
    return [network_input, label], layers.Concatenate()([vector, label])


def match_label(network_input, features, logit, classes, initializer="glorot_uniform"):
    """Adds to a discriminator's logit how well its last features match the label.

    This is the projection discriminator: a product of the features with a vector of each class
    (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637).

    Args:
        network_input: the `keras.Input` that `features` come from.
        features: `(batch, length)`.
        logit: `(batch, 1)`.
        classes: how many there are; 0 adds nothing.
        initializer: of the classes' vectors.

    Returns:
        The network's inputs, and the logit, `(batch, 1)` float32.
    """
    if not classes:
        return network_input, logit
    label = keras.Input((classes,), name="label")
    vector = layers.Dense(features.shape[-1], use_bias=False, kernel_initializer=initializer)(label)
    match = layers.Dot(axes=1, dtype="float32")([features, vector])
    return [network_input, label], layers.Add(dtype="float32")([logit, match])
