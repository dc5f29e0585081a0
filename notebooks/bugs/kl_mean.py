# %% [markdown]
# # Bug museum: a VAE that reconstructs well and generates badly
#
# **Symptom.** A VAE reconstructs digits nicely, but what it makes from noise is not a digit.
# (Chapter 4.)

# %% tags=["setup"]
import keras
import numpy as np
from keras import ops

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome, setting, show_images

# %% [markdown]
# ## The exhibit
#
# The function computes the two terms of the loss in a well-known pattern. Something in it causes
# the symptom.


# %% tags=["exhibit"]
def negative_elbo(x, logits, mean, log_variance):
    """Minus the ELBO of each image: x and logits (batch, pixels), the others (batch, latents)."""
    reconstruction = ops.sum(ops.softplus(logits) - x * logits, axis=-1)
    kl = 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)
    return reconstruction + ops.mean(kl, axis=-1)


# %% [markdown]
# A small VAE trains with this loss. Above: digits and their reconstructions. Below: samples.


# %% tags=["setup"]
def trained_samples():
    """Digits, their reconstructions, and samples from a VAE trained with `negative_elbo`."""
    keras.utils.set_random_seed(0)
    latents = 32
    train, _ = load_images("mnist5k", batch_size=64, value_range=(0, 1), binarize=True)
    inputs = keras.Input((28, 28, 1))
    hidden = keras.layers.Dense(256, "relu")(keras.layers.Flatten()(inputs))
    encoder = keras.Model(inputs, [keras.layers.Dense(latents)(hidden) for _ in range(2)])
    decoder = keras.Sequential(
        [keras.Input((latents,)), keras.layers.Dense(256, "relu"), keras.layers.Dense(784)]
    )

    class SmallVAE(keras.Model):
        def call(self, x):
            mean, log_variance = encoder(x)
            z = mean + ops.exp(log_variance / 2) * keras.random.normal(ops.shape(mean))
            flat = ops.reshape(x, (-1, 784))
            self.add_loss(ops.mean(negative_elbo(flat, decoder(z), mean, log_variance)))
            return mean

    vae = SmallVAE()
    vae.encoder, vae.decoder = encoder, decoder
    vae.compile("adam")
    steps = setting(1_000, fast=50)
    vae.fit(train.shuffled(), steps_per_epoch=steps, verbose=0, shuffle=False)
    x = train.first(16)
    noise = np.random.default_rng(0).normal(size=(32, latents)).astype("float32")
    as_pictures = [ops.sigmoid(decoder(z)) for z in (encoder(x)[0], noise)]
    return np.concatenate([x, *(np.reshape(each, (-1, 28, 28, 1)) for each in as_pictures)])


# %%
show_images(trained_samples(), columns=16, value_range=(0, 1))

# %% [markdown]
# ## Find it
#
# The test checks something that every ELBO must satisfy. Change the exhibit above until the test
# passes.


# %% tags=["test"]
def test():
    rng = np.random.default_rng(0)
    x = (rng.random((3, 8)) < 0.5).astype("float32")
    logits, mean, log_variance = (rng.normal(size=(3, n)).astype("float32") for n in (8, 5, 5))
    once = np.array(negative_elbo(x, logits, mean, log_variance))
    without = np.array(negative_elbo(x, logits, 0 * mean, 0 * log_variance))
    twice = [np.concatenate([each, each], axis=-1) for each in (mean, log_variance)]
    doubled = np.array(negative_elbo(x, logits, *twice))
    # Latents are independent, so their divergences add up.
    np.testing.assert_allclose(doubled - without, 2 * (once - without), rtol=1e-4)


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# What happens to the cost of a code if the same latents are there twice?
# </details>
#
# ## The cure
#
# The KL is *averaged* over latents, while the reconstruction term is *summed* over pixels. With 32
# latents, this amounts to a beta of 1/32. Codes become cheap, and the encoder puts them wherever it
# likes. The decoder has never seen the places where noise falls. The divergences of independent
# latents add up:


# %% tags=["cure"]
def negative_elbo(x, logits, mean, log_variance):
    """Minus the ELBO of each image: x and logits (batch, pixels), the others (batch, latents)."""
    reconstruction = ops.sum(ops.softplus(logits) - x * logits, axis=-1)
    kl = 0.5 * (ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance)
    return reconstruction + ops.sum(kl, axis=-1)


# %%
outcome(test)
show_images(trained_samples(), columns=16, value_range=(0, 1))
