# %% [markdown]
# # Bug museum: codes that cannot be where noise is
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/bugs/sigmoid_latent.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/bugs/sigmoid_latent.ipynb)
#
# **Symptom.** The data have ten kinds of digits, about as many of each. Most samples of a VAE are ones, or look like zeros or twos. (Chapter 4.)

# %%
# On Colab and Binder this installs genai_keras; anywhere else it does nothing.
import os
import sys

if "google.colab" in sys.modules or "BINDER_SERVICE_HOST" in os.environ:
    import subprocess

    address = "git+https://github.com/genai-keras/genai_keras"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

import genai_keras.cli.quiet  # TensorFlow starts without its notes on this machine

# %% tags=["setup"]
import keras
import numpy as np
from keras import ops
from matplotlib import pyplot as plt

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome, setting, show_images

# %% [markdown]
# ## The exhibit
#
# The encoder of a VAE: a picture becomes the mean and the log variance of its code.


# %% tags=["exhibit"]
def build_encoder(latents):
    """Pictures (batch, 28, 28, 1) to mean and log variance of their codes, each (batch, latents)."""
    pictures = keras.Input((28, 28, 1))
    hidden = keras.layers.Dense(256, activation="relu")(keras.layers.Flatten()(pictures))
    mean = keras.layers.Dense(latents, activation="sigmoid")(hidden)
    log_variance = keras.layers.Dense(latents)(hidden)
    return keras.Model(pictures, [mean, log_variance])


# %% [markdown]
# A small VAE trains with it. Left: one code drawn for each of 500 digits, coloured by class. Right: the
# same number of draws from the prior N(0, 1), which the decoder gets when it is to make something new.
# Below: what it makes of 64 of them.


# %% tags=["setup"]
def train_vae():
    """Codes and labels of 500 digits, and samples of the prior."""
    keras.utils.set_random_seed(0)
    encoder = build_encoder(2)
    decoder = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(256, "relu"), keras.layers.Dense(784)]
    )
    train, _ = load_images("mnist5k", batch_size=64, value_range=(0, 1), binarize=True)

    def draw_code(mean, log_variance):
        return mean + ops.exp(log_variance / 2) * keras.random.normal(ops.shape(mean))

    class SmallVAE(keras.Model):
        def call(self, x):
            mean, log_variance = encoder(x)
            logits = decoder(draw_code(mean, log_variance))
            flat = ops.reshape(x, (-1, 784))
            reconstruction = ops.sum(ops.softplus(logits) - flat * logits, axis=-1)
            kl = 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)
            self.add_loss(ops.mean(reconstruction + ops.sum(kl, axis=-1)))
            return mean

    vae = SmallVAE()
    vae.encoder, vae.decoder = encoder, decoder
    vae.compile(keras.optimizers.Adam(2e-3))
    steps = setting(1_500, fast=50)
    vae.fit(train.shuffled(), steps_per_epoch=steps, verbose=0, shuffle=False)
    codes = np.array(draw_code(*encoder(train.first(500))))
    prior = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
    samples = ops.sigmoid(decoder(prior[:64]))
    return codes, train.labels[:500], prior, np.reshape(samples, (-1, 28, 28, 1))


def draw(codes, labels, prior, samples):
    _, axes = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
    axes[0].scatter(*codes.T, s=6, c=labels, cmap="tab10")
    axes[1].scatter(*prior.T, s=6, color="black")
    for axis, title in zip(axes, ("codes of digits", "draws from the prior"), strict=True):
        axis.set(title=title, xlim=(-4.5, 4.5), ylim=(-4.5, 4.5), aspect="equal")
        axis.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], color="grey", zorder=3)
    plt.tight_layout()
    plt.show()
    show_images(samples, columns=16, value_range=(0, 1))


# %%
draw(*train_vae())

# %% [markdown]
# ## Find it
#
# The test does not look at the code, only at what it can do. Change the exhibit above until it passes.


# %% tags=["test"]
def test():
    keras.utils.set_random_seed(0)
    encoder = build_encoder(2)
    # Ten times as strong weights: an encoder that may send its codes far away does so.
    encoder.set_weights([10 * weights for weights in encoder.get_weights()])
    means = np.array(encoder(np.random.default_rng(0).random((256, 28, 28, 1)))[0])
    least, most = float(means.min()), float(means.max())
    assert least < -2 and most > 2, f"means of codes are all in {least:.2f} to {most:.2f}"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Three quarters of the prior's draws have a negative number in them. Which pictures get such codes?
# </details>
#
# ## The cure
#
# The sigmoid keeps every mean between 0 and 1: in the grey square, where one draw of the prior in nine falls. The codes of all digits
# together should be spread like N(0, 1), and here they cannot be. To tell digits apart all the same, the encoder makes the variances
# small, at a price in KL. The decoder learns only about the square and its edge; elsewhere it extrapolates what is at the nearest edge.
# A mean is any real number, so its layer is linear:


# %% tags=["cure"]
def build_encoder(latents):
    """Pictures (batch, 28, 28, 1) to mean and log variance of their codes, each (batch, latents)."""
    pictures = keras.Input((28, 28, 1))
    hidden = keras.layers.Dense(256, activation="relu")(keras.layers.Flatten()(pictures))
    mean = keras.layers.Dense(latents)(hidden)
    log_variance = keras.layers.Dense(latents)(hidden)
    return keras.Model(pictures, [mean, log_variance])


# %%
outcome(test)
draw(*train_vae())
