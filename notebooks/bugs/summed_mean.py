# %% [markdown]
# # Bug museum: a training run that only works on one device
#
# **Symptom.** A training run works on one device. On four it is worse, and on eight it learns hardly
# anything, with the same batches and the same learning rate. (Chapters 2 to 7;
# [several devices](../../docs/scale.md).)

# %% tags=["setup"]
import keras
import numpy as np
import tensorflow as tf
from keras import ops
from matplotlib import pyplot as plt

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome, setting

# %% [markdown]
# ## The exhibit
#
# Several devices train one model together. Each computes the loss of its part of the batch, and
# the gradient of that loss. Then all of them add up their gradients, as Keras does. Here they take
# turns, so the notebook needs only one device.


# %% tags=["exhibit"]
def gradient(model, batch, devices):
    """The gradient of the loss of a batch, computed by a number of devices together."""
    total = None
    for part in np.split(batch, devices):
        with tf.GradientTape() as tape:
            loss = ops.mean(squared_error(model, part))
        found = tape.gradient(loss, model.trainable_variables)
        total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    return total


# %% [markdown]
# An autoencoder trains on digits by plain gradient descent, on one, two, four and eight devices.


# %% tags=["setup"]
def squared_error(model, x):
    """The error of each image, (batch,)."""
    return ops.sum(ops.square(model(x) - x), axis=-1)


def network():
    """A small autoencoder that always starts with the same weights."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(784)]
    )


def losses(devices, rate=0.01):
    """The loss at each step of training."""
    digits = load_images("mnist5k", value_range=(0, 1))[0].first(2_000).reshape(-1, 784)
    model, found = network(), []
    optimizer = keras.optimizers.SGD(rate)
    for step in range(setting(150, fast=3)):
        batch = digits[np.arange(64 * step, 64 * step + 64) % len(digits)]
        found.append(float(ops.mean(squared_error(model, batch))))
        optimizer.apply(gradient(model, batch, devices), model.trainable_variables)
    return found


def draw():
    for devices in (1, 2, 4, 8):
        plt.plot(losses(devices), label=f"{devices} device{'s' if devices > 1 else ''}")
    plt.ylim(30, 100)
    plt.xlabel("step")
    plt.ylabel("loss")
    plt.legend()
    plt.show()


# %%
draw()

# %% [markdown]
# ## Find it
#
# The test checks a law that a division among devices must keep. Change the exhibit above until the
# test passes.


# %% tags=["test"]
def test():
    model = network()
    batch = np.random.default_rng(0).random((16, 784), "float32")
    alone = gradient(model, batch, 1)
    for devices in (2, 4, 8):
        for one, other in zip(alone, gradient(model, batch, devices), strict=True):
            np.testing.assert_allclose(np.array(other), np.array(one), rtol=1e-3, atol=1e-4)


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# How large is the sum of two means, compared with the mean of everything?
# </details>
#
# ## The cure
#
# Each device takes the *mean* over its part, but the gradients are *added up*. With N devices the
# sum is N times the gradient of the whole batch, as if you had asked for N times the learning rate.
# Each device has to count for its fraction of the batch:


# %% tags=["cure"]
def gradient(model, batch, devices):
    """The gradient of the loss of a batch, computed by a number of devices together."""
    total = None
    for part in np.split(batch, devices):
        with tf.GradientTape() as tape:
            loss = ops.mean(squared_error(model, part)) / devices
        found = tape.gradient(loss, model.trainable_variables)
        total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    return total


# %%
outcome(test)
draw()

# %% [markdown]
# The four curves are now one. Adam would have hidden the bug: it divides each gradient by its own
# size, so a factor of N changes hardly anything, until you clip gradients.
# [`replicas.py`](../../genai_keras/replicas.py) is how this package keeps the law.
