# %% [markdown]
# # Bug museum: a flow that does not know what time it is
#
# **Symptom.** A flow learns a velocity. Its loss stops falling early, well above the best possible
# value. Its samples are near the data, but washed out, however long it trains and however large it
# is. (Chapter 8.)

# %% tags=["setup"]
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from matplotlib import pyplot as plt

from genai_keras.data.toy import GaussianMixture, load_mixture
from genai_keras.layers.velocity import TimeEmbedding
from genai_keras.course.notebook import outcome, setting

# %% [markdown]
# ## The exhibit
#
# The velocity depends on the place and on the time. The time becomes a vector of waves, and each
# hidden layer gets it.


# %% tags=["exhibit"]
def build_velocity(units=64, depth=3):
    """The velocity of a number x at a time t: `[x, t]`, (batch, 1) and (batch,) -> (batch, 1)."""
    x, t = keras.Input((1,)), keras.Input(())
    time = layers.Dense(units, "silu")(TimeEmbedding(units)(t))
    hidden = x
    for _ in range(depth):
        hidden = layers.Dense(units)(hidden)
        layers.Add()([hidden, layers.Dense(units)(time)])
        hidden = layers.Activation("silu")(hidden)
    return keras.Model([x, t], layers.Dense(1)(hidden))


# %% [markdown]
# It learns on straight lines from noise to the numbers of a mixture. The dashed line is the loss of
# the best velocity, which chapter 8 computes.


# %% tags=["setup"]
BEST = 2.87  # the loss of the mean velocity on 1,000,000 lines


def train(network, steps, rate=2e-3):
    """Trains a velocity; returns its loss at each step."""
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(x):
        noise = keras.random.normal(ops.shape(x))
        t = keras.random.uniform(ops.shape(x)[:1])
        along = t[:, None]
        with tf.GradientTape() as tape:
            velocity = network([(1 - along) * noise + along * x, t])
            loss = ops.mean(ops.square(x - noise - velocity))
        weights = network.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    batches, _ = load_mixture(512)
    return [float(step(x)) for x in batches.shuffled().repeat().take(steps)]


def follow(network, count, steps=100):
    """Samples: noise that follows the velocity in steps of Euler's method."""

    @tf.function
    def moved(x, t):
        return x + network([x, tf.fill((count,), t)]) / steps

    x = tf.random.stateless_normal((count, 1), (0, 0))
    for t in np.linspace(0, 1, steps, endpoint=False, dtype="float32"):
        x = moved(x, tf.constant(t))
    return np.array(x)


def draw():
    keras.utils.set_random_seed(0)
    network = build_velocity()
    losses = train(network, setting(1_500, fast=20))
    smooth = np.convolve(losses, np.full(20, 1 / 20), "valid")
    mixture, x = GaussianMixture(), np.linspace(-6, 6, 400)
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
    left.plot(smooth, linewidth=0.8)
    left.axhline(BEST, linestyle="--", color="black", label="the best velocity")
    left.set(xlabel="step", ylabel="loss (mean of 20 steps)", ylim=(2.5, 5.5))
    left.legend()
    right.hist(np.ravel(follow(network, 20_000)), np.linspace(-6, 6, 97), density=True)
    right.plot(x, mixture.density(x), color="black", label="true density")
    right.set(xlabel="samples")
    right.legend()
    plt.tight_layout()
    plt.show()


# %%
draw()

# %% [markdown]
# ## Find it
#
# The test looks only at what the network does, not at how it is written. Change the exhibit above
# until the test passes.


# %% tags=["test"]
def test():
    keras.utils.set_random_seed(0)
    network = build_velocity()
    x = tf.constant([[-1.0], [0.0], [2.0]])
    early, late = (network([x, tf.fill((3,), t)]) for t in (0.1, 0.9))
    assert np.abs(early - late).min() > 1e-4, (
        f"the velocities at times 0.1 and 0.9 are {np.ravel(early)} and {np.ravel(late)}"
    )


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# What becomes of the sum of the hidden features and the time? Print `network.summary()` and follow
# the column "Connected to" from the output back to the inputs.
# </details>
#
# ## The cure
#
# A Keras layer changes nothing in place. `layers.Add()` *returns* the sum, and here nobody keeps it.
# No error says so: a model may have an input that nothing depends on. One velocity then has to serve
# all times. At a place near 0 it is the mean over early times, when everything still has to move, and
# late ones, when hardly anything is left there. So points arrive too early at some places and too
# late at others, and the hills are washed out. Larger networks learn the same mean more exactly.


# %% tags=["cure"]
def build_velocity(units=64, depth=3):
    """The velocity of a number x at a time t: `[x, t]`, (batch, 1) and (batch,) -> (batch, 1)."""
    x, t = keras.Input((1,)), keras.Input(())
    time = layers.Dense(units, "silu")(TimeEmbedding(units)(t))
    hidden = x
    for _ in range(depth):
        hidden = layers.Dense(units)(hidden)
        hidden = layers.Add()([hidden, layers.Dense(units)(time)])
        hidden = layers.Activation("silu")(hidden)
    return keras.Model([x, t], layers.Dense(1)(hidden))


# %%
outcome(test)
draw()

# %% [markdown]
# The loss now comes down to the dashed line. Before, it stopped about 0.8 above it. With images nobody
# draws this line for you, and the loss of every flow stops above 0, so the curve alone does not show
# the bug. Ask the network for the velocity of one place at two times.
