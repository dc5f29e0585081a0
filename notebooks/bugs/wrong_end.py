# %% [markdown]
# # Bug museum: a flow that starts at the wrong end
#
# **Symptom.** A flow trains well: its loss is as low as it can be. But its samples are not like the
# data at all, with few steps and with many, after one epoch and after twenty. (Chapter 8.)

# %% tags=["setup"]
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras.data.toy import GaussianMixture, load_mixture
from genai_keras.models.flow import Flow
from genai_keras.networks.flow import build_dense_velocity
from genai_keras.course.notebook import outcome, setting

# %% [markdown]
# ## The exhibit
#
# The flow learns as in chapter 8. At time t, a point is at `(1 - t) * noise + t * data`, and its
# velocity is `data - noise`. The sampler is from another program.


# %% tags=["exhibit"]
def sample(velocity, noise, steps=100):
    """Follows a velocity from noise to samples with Euler's method.

    Args:
        velocity: function of x, (count, 1), and a time from 0 to 1.
        noise: (count, 1).

    Returns:
        x at all times, (steps + 1, count, 1).
    """
    x, path = noise, [noise]
    for t in np.linspace(1.0, 0.0, steps, endpoint=False):
        x = x - velocity(x, t) / steps
        path.append(x)
    return np.stack(path)


# %% [markdown]
# A small flow learns a mixture, and then the sampler follows it.


# %% tags=["setup"]
def trained_flow():
    keras.utils.set_random_seed(0)
    flow = Flow(build_dense_velocity((1,)), ema_decay=0.99)
    train, validation = load_mixture(512)
    epochs, steps = setting(4, fast=1), setting(train.steps_per_epoch, fast=10)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * steps)
    flow.compile(keras.optimizers.Adam(rate))
    flow.fit(train.shuffled(), epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    loss = np.mean(
        [flow.evaluate(validation.in_order(), verbose=0) for _ in range(setting(20, fast=1))]
    )
    print(f"held-out loss {loss:.2f}; that of the best velocity is 2.87")
    return flow


def draw(flow):
    compiled = tf.function(flow.velocity)

    def velocity(x, t):
        return compiled(tf.constant(x, tf.float32), tf.constant(t, tf.float32)).numpy()

    noise = np.random.default_rng(0).normal(size=(20_000, 1))
    path = sample(velocity, noise)
    mixture, x = GaussianMixture(), np.linspace(-6, 6, 400)
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
    left.plot(path[:, :100, 0], linewidth=0.5, color="C0")
    left.set(xlabel="step", ylabel="x", ylim=(-6, 6))
    right.hist(np.ravel(path[-1]), np.linspace(-6, 6, 97), density=True)
    right.plot(x, mixture.density(x), color="black", label="true density")
    right.set(xlabel="samples")
    right.legend()
    plt.tight_layout()
    plt.show()


# %%
flow = trained_flow()
draw(flow)

# %% [markdown]
# ## Find it
#
# The test needs no network. If the data come from a Gaussian, the best velocity is known exactly,
# and its samples must come from that Gaussian. Change the exhibit above until the test passes.


# %% tags=["test"]
def test():
    mean, deviation = 3.0, 0.5

    def velocity(x, t):
        """The best one for straight lines from N(0, 1), at time 0, to N(3, 0.5^2), at time 1."""
        variance = (1 - t) ** 2 + (t * deviation) ** 2
        return mean + (t * deviation**2 - (1 - t)) / variance * (x - t * mean)

    noise = np.random.default_rng(0).normal(size=(2_000, 1))
    made = sample(velocity, noise)[-1]
    assert abs(made.mean() - mean) < 0.1, f"the mean is {made.mean():.2f} instead of {mean}"
    assert abs(made.std() - deviation) < 0.1, (
        f"the standard deviation is {made.std():.2f} instead of {deviation}"
    )


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Where is the noise, at time 0 or at time 1? Where does the loop begin?
# </details>
#
# ## The cure
#
# The sampler comes from a program in which the noise is at time 1, as in diffusion models, and it
# walks back to time 0. This flow has its noise at time 0. So the sampler takes noise for data, and
# follows the way from data to noise. There is no error, and the loss cannot tell, because it never
# looks at a sample. Both conventions are in use. A sampler and
# its training have to agree on three things: at which end the noise is, in which direction time
# runs, and which way the velocity points.


# %% tags=["cure"]
def sample(velocity, noise, steps=100):
    """Follows a velocity from noise to samples with Euler's method.

    Args:
        velocity: function of x, (count, 1), and a time from 0 to 1.
        noise: (count, 1).

    Returns:
        x at all times, (steps + 1, count, 1).
    """
    x, path = noise, [noise]
    for t in np.linspace(0.0, 1.0, steps, endpoint=False):
        x = x + velocity(x, t) / steps
        path.append(x)
    return np.stack(path)


# %%
outcome(test)
draw(flow)

# %% [markdown]
# The flow is the same one: nothing had to be trained again. When samples are bad and the loss is
# good, test the sampler by itself, with a velocity that you know.
