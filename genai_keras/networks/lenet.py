"""LeNet, a small classifier of grey images."""

import keras
import numpy as np
from keras import layers

SIDE = 28  # side of its input images in pixels
FEATURES = 84


def build_lenet(classes=10, seed=0):
    """Builds LeNet-5 with ReLU convolutions: image -> features -> logits.

    Args:
        classes: number of logits.
        seed: seed of the weights; the same seed gives the same weights.

    Returns:
        A `keras.Model`: `(batch, 28, 28, 1)` in [0, 1] -> `(batch, classes)`, float32, with 61,706
        parameters for 10 classes. Its layer "features" outputs `(batch, 84)` in (-1, 1); the logits
        are a linear function of these.

    Reference: LeCun et al. 1998, section II.B, https://doi.org/10.1109/5.726791
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(5).tolist())

    def weights():
        return {"kernel_initializer": keras.initializers.GlorotUniform(next(seeds))}

    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.Conv2D(6, 5, padding="same", activation="relu", name="conv1", **weights())(image)
    x = layers.MaxPooling2D()(x)  # (batch, 14, 14, 6)
    x = layers.Conv2D(16, 5, activation="relu", name="conv2", **weights())(x)
    x = layers.MaxPooling2D()(x)  # (batch, 5, 5, 16)
    x = layers.Flatten()(x)
    x = layers.Dense(120, activation="relu", name="dense", **weights())(x)
    # Bounded and smooth, so a Gaussian fits better than for features that are cut off at 0.
    x = layers.Dense(FEATURES, activation="tanh", name="features", **weights())(x)
    logits = layers.Dense(classes, name="logits", **weights())(x)
    return keras.Model(image, logits, name="lenet")
