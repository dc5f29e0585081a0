# %% [markdown]
# # Bug museum: a loss that jumps every morning
#
# **Symptom.** A training run is saved in the evening and continued the next day. Each time, its
# loss first jumps up, although the weights are the same to the last bit. (Chapters 2 to 7.)

# %% tags=["setup"]
import pathlib
import tempfile

import keras
import numpy as np
from matplotlib import pyplot as plt

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome, setting

# %% [markdown]
# ## The exhibit


# %% tags=["exhibit"]
def save_and_load(model, folder):
    """Saves a model and loads it again, as after a night."""
    model.save_weights(folder / "model.weights.h5")
    again = network()
    again.load_weights(folder / "model.weights.h5")
    again.compile(keras.optimizers.Adam(0.005), "mse")
    return again


# %% [markdown]
# An autoencoder trains on digits for three days, with the same small number of steps each day. The
# dashed line is the same training without a break.


# %% tags=["setup"]
def network():
    """A small autoencoder that always starts with the same weights."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(784)]
    )


def compiled():
    model = network()
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return model


def reload(model):
    with tempfile.TemporaryDirectory() as folder:
        return save_and_load(model, pathlib.Path(folder))


def digits():
    return load_images("mnist5k", value_range=(0, 1))[0].first(2_000).reshape(-1, 784)


def losses(days, steps, between):
    """The loss at each step; `between` turns one day's model into the next day's."""
    x, model, found = digits(), compiled(), []
    order = np.random.default_rng(0)
    for day in range(days):
        if day:
            model = between(model)
        for _ in range(steps):
            batch = x[order.integers(0, len(x), 100)]
            found.append(float(model.train_on_batch(batch, batch)))
    return found


def draw():
    steps = setting(150, fast=10)
    plt.figure(figsize=(8, 3))
    plt.plot(losses(3, steps, reload), label="saved and loaded")
    plt.plot(losses(3, steps, lambda model: model), "--", label="without a break")
    for day in (1, 2):
        plt.axvline(day * steps, color="grey", linewidth=0.7)
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("loss")
    plt.legend()
    plt.show()


# %%
draw()

# %% [markdown]
# ## Find it
#
# The test checks a simple law: two days with a night between them give the same losses as two days
# without one. Change the exhibit above until the test passes.


# %% tags=["test"]
def test():
    kept = losses(2, 5, reload)
    straight = losses(2, 5, lambda model: model)
    worst = np.abs(np.subtract(kept, straight)).max()
    assert kept == straight, f"after the night the losses differ by up to {worst:.6f}"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Besides the weights, what does Adam remember from step to step?
# </details>
#
# ## The cure
#
# For each weight, Adam keeps two moving averages, one of the gradient and one of its square. It
# also counts its steps. Here only the weights are saved, and a new Adam starts with empty averages.
# Its first steps have full size for every weight, in the direction of a single batch's gradient. A
# GAN depends on the balance between its two optimizers and can lose that balance this way.
# `model.save` to a `.keras` file keeps the optimizer with the model. (The random states and the
# position in the data have to be kept too. With `--resume`, the commands of this package continue
# bit for bit.)


# %% tags=["cure"]
def save_and_load(model, folder):
    """Saves a model and loads it again, as after a night."""
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


# %%
outcome(test)
draw()
