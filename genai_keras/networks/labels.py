"""A second input for the class of a sample: the one-hot label."""

import keras
from keras import layers


def join_label(network_input, vector, classes):
    """Appends a label to a vector inside a network.

    Args:
        network_input: the `keras.Input` that `vector` comes from.
        vector: `(batch, length)`.
        classes: number of classes; 0 appends nothing.

    Returns:
        The inputs of the network, and the vector to continue with, `(batch, length + classes)`.
    """
    if not classes:
        return network_input, vector
    label = keras.Input((classes,), name="label")
    return [network_input, label], layers.Concatenate()([vector, label])


def match_label(network_input, features, logit, classes, initializer="glorot_uniform"):
    """Adds a term to the logit of a discriminator: how well its last features match the label.

    This is the projection discriminator: a product of the features with a vector for each class
    (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637).

    Args:
        network_input: the `keras.Input` that `features` come from.
        features: `(batch, length)`.
        logit: `(batch, 1)`.
        classes: number of classes; 0 adds nothing.
        initializer: initializer of the class vectors.

    Returns:
        The inputs of the network, and the logit, `(batch, 1)` float32.
    """
    if not classes:
        return network_input, logit
    label = keras.Input((classes,), name="label")
    vector = layers.Dense(features.shape[-1], use_bias=False, kernel_initializer=initializer)(label)
    match = layers.Dot(axes=1, dtype="float32")([features, vector])
    return [network_input, label], layers.Add(dtype="float32")([logit, match])
