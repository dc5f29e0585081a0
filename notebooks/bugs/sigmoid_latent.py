# %% [markdown]
# # Bug museum: codes that cannot go where the noise is
#
# **Symptom.** The data contain the ten digits about equally often. Yet most samples of a VAE are
# ones, or look like zeros or twos. (Chapter 4.)

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
# The encoder of a VAE turns an image into the mean and the log-variance of its code.


# %% tags=["exhibit"]
def build_encoder(latents):
    """Images (batch, 28, 28, 1) to mean and log-variance of their codes, each (batch, latents)."""
    pictures = keras.Input((28, 28, 1))
    hidden = keras.layers.Dense(256, activation="relu")(keras.layers.Flatten()(pictures))
    mean = keras.layers.Dense(latents, activation="sigmoid")(hidden)
    log_variance = keras.layers.Dense(latents)(hidden)
    return keras.Model(pictures, [mean, log_variance])


# %% [markdown]
# A small VAE trains with this encoder. Left: one code sampled for each of 500 digits, coloured by
# class. Right: 500 draws from the prior N(0, 1), which is what the decoder gets when it generates.
# Below: the images that it makes from 64 of them.


# %% tags=["setup"]
def train_vae():
    """Codes and labels of 500 digits, 500 draws from the prior, and images decoded from 64."""
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
# The test looks only at what the encoder can do, not at how it is written. Change the exhibit above
# until the test passes.


# %% tags=["test"]
def test():
    keras.utils.set_random_seed(0)
    encoder = build_encoder(2)
    # With weights ten times as large, an encoder that may send its codes far away does so.
    encoder.set_weights([10 * weights for weights in encoder.get_weights()])
    means = np.array(encoder(np.random.default_rng(0).random((256, 28, 28, 1)))[0])
    least, most = float(means.min()), float(means.max())
    assert least < -2 and most > 2, f"means of codes are all in {least:.2f} to {most:.2f}"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Three quarters of the draws from the prior have at least one negative number in them. Which images
# get such codes?
# </details>
#
# ## The cure
#
# The sigmoid keeps every mean between 0 and 1, inside the grey square. Only one draw from the prior
# in nine falls there. The codes of all digits together should be spread like N(0, 1), but here they
# cannot be. To keep the digits apart all the same, the encoder makes the variances small, at a
# price in KL. The decoder learns only about the square and its edge. Elsewhere it extrapolates from
# the nearest edge. A mean may be any real number, so its layer is linear:


# %% tags=["cure"]
def build_encoder(latents):
    """Images (batch, 28, 28, 1) to mean and log-variance of their codes, each (batch, latents)."""
    pictures = keras.Input((28, 28, 1))
    hidden = keras.layers.Dense(256, activation="relu")(keras.layers.Flatten()(pictures))
    mean = keras.layers.Dense(latents)(hidden)
    log_variance = keras.layers.Dense(latents)(hidden)
    return keras.Model(pictures, [mean, log_variance])


# %%
outcome(test)
draw(*train_vae())
