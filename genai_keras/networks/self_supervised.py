"""A small network that tells what happened to an image."""

import keras
import numpy as np
from keras import layers

SIDE = 32  # side of its input images in pixels
FEATURES = 64


def build_self_supervised(channels, seed=0):
    """Builds the network: image -> features -> turn and strengths, both linear functions of these.

    A stronger change is therefore further away in the features.

    Args:
        channels: channels of the images.
        seed: seed of the weights; the same seed gives the same weights.

    Returns:
        A `keras.Model`: `(batch, 32, 32, channels)` in [0, 1] -> a dictionary of "turn",
        `(batch, 4)` logits, and "strengths", `(batch, 3)`, each 0 to 1: of blur, noise and patches
        that changed places. Its layer "features" outputs `(batch, 64)`.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(6).tolist())
    image = keras.Input((SIDE, SIDE, channels), name="image")
    x = layers.Rescaling(2.0, -1.0)(image)
    # The last one is linear: a ReLU that is always 0 would be a lost feature.
    sizes = ((32, 2, "relu"), (64, 2, "relu"), (128, 2, "relu"), (FEATURES, 1, None))
    for filters, stride, activation in sizes:
        start = keras.initializers.HeNormal(next(seeds))
        x = layers.Conv2D(
            filters, 3, stride, "same", activation=activation, kernel_initializer=start
        )(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    outputs = {
        name: layers.Dense(
            size, name=name, kernel_initializer=keras.initializers.GlorotUniform(next(seeds))
        )(x)
        for name, size in (("turn", 4), ("strengths", 3))
    }
    return keras.Model(image, outputs, name="self_supervised")
