# %% [markdown]
# # Chapter 4: the variational autoencoder
#
# **What you will learn**
# - why an autoencoder cannot invent a digit, and a *variational* one can;
# - the reparameterization trick: how a gradient gets through a random draw;
# - the ELBO and its two terms, reconstruction and KL divergence, in nats;
# - how to read a latent space.

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras import losses
from genai_keras.callbacks.latents import LatentSpace, Reconstructions, plane
from genai_keras.callbacks.images import ImageGrid
from genai_keras.data.images import load_images
from genai_keras.layers.reparameterization import Reparameterization
from genai_keras.models.vae import VAE
from genai_keras.networks.dense import build_dense_decoder, build_dense_encoder
from genai_keras.course.notebook import (
    Progress,
    explore,
    new_run,
    plot_history,
    setting,
    show_images,
    show_source,
    show_tensorboard,
)
from genai_keras.plots.images import image_grid
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# 5,000 real handwritten digits come with a package that is already installed. A tenth of them is
# held out: we judge the model by digits that it never sees in training. Each pixel is drawn black
# or white, with its grey value as the probability of white, and drawn again for every batch. So a
# Bernoulli distribution describes it exactly.

# %%
train, validation = load_images("mnist5k", batch_size=64, value_range=(0, 1), binarize=True)
batch = next(iter(train.shuffled()))
print("one batch:", batch.shape, "with the values", np.unique(batch))
print(train.count, "digits to learn from,", validation.count, "put aside")
show_images(batch[:16], columns=8, value_range=(0, 1))

# %% [markdown]
# ## The network
#
# The **encoder** returns a distribution rather than a point. For each digit $x$, it gives a mean
# and a log-variance for each of two latents, $q(z\mid x) = \mathcal N(\mu, \sigma^2)$. The
# **decoder** goes the other way, from $z$ to one logit per pixel, $p(x\mid z)$. Two latents are
# few. We use two because the whole latent space then fits on a page.

# %%
encoder = build_dense_encoder((28, 28, 1), latent_dim=2, widths=(512, 256))
decoder = build_dense_decoder(latent_dim=2, output_shape=(28, 28, 1), widths=(256, 512))
mean, log_variance = encoder(batch)
logits = decoder(mean)
print("x", batch.shape, "-> mean", mean.shape, "and log-variance", log_variance.shape)
print("z", mean.shape, "-> logits", logits.shape)
print(f"{encoder.count_params():,} and {decoder.count_params():,} weights")

# %% [markdown]
# Between the two, $z$ is drawn at random, and a random draw has no derivative. The trick is to draw
# $\epsilon$ from $\mathcal N(0, 1)$, which depends on nothing, and to compute
# $z = \mu + \sigma\epsilon$, which is an ordinary function of $\mu$ and $\sigma$. This is the whole
# layer:

# %%
show_source(Reparameterization.call)

# %% [markdown]
# Does the gradient get through? With $z = \mu + e^{v/2}\epsilon$ we expect
# $\partial z/\partial\mu = 1$ and $\partial z/\partial v = \epsilon\,e^{v/2}/2 = (z-\mu)/2$.

# %%
mu, v = tf.constant([[0.5]]), tf.constant([[-1.0]])
with tf.GradientTape(persistent=True) as tape:
    tape.watch([mu, v])
    z = Reparameterization(seed=3)(mu, v)
print("dz/dmu =", float(tape.gradient(z, mu)[0, 0]))
print("dz/dv  =", float(tape.gradient(z, v)[0, 0]), "expected", float((z - mu)[0, 0, 0]) / 2)

# %% [markdown]
# ## One training step by hand
#
# The loss is the negative ELBO, in nats per digit:
# $$-\mathrm{ELBO} = \underbrace{-\mathbb E_q[\log p(x\mid z)]}_{\text{reconstruction}} +
# \underbrace{\mathrm{KL}(q(z\mid x)\,\|\,\mathcal N(0, 1))}_{\text{price of the code}}$$
#
# **Before you run the next cell, guess:** the network is untrained, so it finds black and white
# about equally likely for every pixel. There are 784 pixels. Roughly how large is the
# reconstruction term?

# %%
vae = VAE(encoder, decoder, likelihood="bernoulli", seed=0)
vae.compile(keras.optimizers.Adam(1e-3))
mean, log_variance = encoder(batch)
z = vae.reparameterize(mean, log_variance)[0]  # (batch, latent_dim)
reconstruction = -vae.likelihood.log_prob(batch, decoder(z))  # (batch,)
kl = tf.reduce_sum(losses.gaussian_kl(mean, log_variance), axis=-1)  # (batch,)
print(f"reconstruction {np.mean(reconstruction):7.2f} nats; 784 log 2 = {784 * np.log(2):.2f}")
print(f"KL             {np.mean(kl):7.2f} nats")

# %% [markdown]
# The divergence is almost 0. An untrained encoder gives nearly the same distribution, close to
# $\mathcal N(0, 1)$, for every digit, so the code carries no information. Now the model takes a
# step of its own and then sees the same batch again. The loss must have fallen. (`accumulated` calls
# `gradients` with the batch, or with parts of it if it does not fit into memory.)

# %%
show_source(VAE.train_step, VAE.gradients)

# %%
before = {name: float(value) for name, value in vae.train_step(batch).items()}
vae.reset_metrics()
after = {name: float(value) for name, value in vae.test_step(batch).items()}
for name in ("loss", "reconstruction", "kl"):
    print(f"{name:15} {before[name]:8.2f} -> {after[name]:8.2f}")

# %% [markdown]
# ## A short `fit`
#
# `fit` repeats that step. After each epoch, the callbacks draw images and write them for
# TensorBoard, together with the curves. Watch the samples, from noise that stays the same, as they
# get better.

# %%
run = new_run("chapter4")
held_out = validation.first(500)
grid = ImageGrid(run)
history = vae.fit(
    train.shuffled(),
    epochs=setting(40, fast=1),
    steps_per_epoch=setting(train.steps_per_epoch, fast=5),
    validation_data=validation.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "tensorboard"),
        grid,
        Reconstructions(run, held_out),
        LatentSpace(run, held_out),
        Progress(grid),
    ],
)
plot_history(history, ["loss"], ["reconstruction"], ["kl"])

# %% [markdown]
# After the first epoch, the KL *rises*: the model buys information about the digit, about six nats
# of it, and each nat pays for itself several times over in reconstruction. The gap between the
# solid and the dashed line is what the model has memorized.
#
# ## Samples
#
# The odd rows show held-out digits. Below each digit is what the decoder makes from the mean of its
# code.

# %%
originals = held_out[:16]
pairs = np.concatenate([originals[:8], vae.reconstruct(originals[:8])])
pairs = np.concatenate([pairs, originals[8:], vae.reconstruct(originals[8:])])
show_images(pairs, columns=8, value_range=(0, 1))

# %% [markdown]
# And here are digits that nobody wrote: draw $z$ from $\mathcal N(0, 1)$ and decode it. A plain
# autoencoder cannot do this, because nothing tells it which codes exist.

# %%
show_images(vae.generate(32, seed=1), columns=8, value_range=(0, 1))

# %% [markdown]
# This is the whole latent space. The grid points are quantiles of $\mathcal N(0, 1)$, so each image
# stands for an equal fraction of what the model can make.

# %%
show_images(vae.decode(plane(14)), columns=14, value_range=(0, 1))

# %% [markdown]
# Where in this space are the held-out digits? Each point is the mean of a digit's code.

# %%
codes, _ = vae.encode(held_out)
plt.figure(figsize=(5.5, 4.5))
plt.scatter(*codes.T, c=validation.labels[: len(codes)], cmap="tab10", s=12)
plt.colorbar(label="digit")
plt.xlabel("z1")
plt.ylabel("z2")
plt.show()

# %% [markdown]
# Walk through the space. (The strips are for pages on which sliders do not work, such as the
# repository's web page. The sliders are below them.)


# %%
def digit_at(z1, z2):
    return image_grid(
        vae.decode(np.array([[z1, z2]], "float32")), least_side=196, value_range=(0, 1)
    )


explore(digit_at, z1=(-3.0, 3.0), z2=(-3.0, 3.0))

# %% [markdown]
# ## TensorBoard
#
# The curves are under *Scalars*. The images of all epochs are under *Images*: move the slider and
# watch the latent space unfold. (The page is live: it works only where the notebook is running.)

# %%
show_tensorboard(run / "tensorboard")

# %% [markdown]
# ## When it goes wrong
#
# `python -m genai_keras.train_vae` has a training doctor that watches for these problems.
#
# **Collapsed latents.** Each nat of information that z carries about x costs a nat of KL. While the
# decoder is still poor, z is not worth its price, and the encoder may give up: q(z | x) = N(0, 1)
# for every x, the KL is 0, and the decoder learns to do without z. Then every reconstruction is the
# same mean image. `--warmup-epochs` lets the price rise slowly from 0, `--free-bits` makes the
# first nats of each latent free, and a smaller `--beta` makes all of them cheaper.
#
# **Log-variances at their bounds.** They are limited to the range from -14 to 14, so that exp()
# stays finite. At either bound the gradient is 0, and the latent stops learning. This happens when
# the learning rate is too large.
#
# **Digits on white.** The decoder learns from the codes that the encoder gives it. A sample starts
# from any z of N(0, 1), and some of them lie where no code has ever been. There, a decoder with few
# units makes what no digit looks like, such as a digit on grey or white: try
# `python -m genai_keras.train_vae --preset dense`, with 16 hidden units. `border_outside` is the
# fraction of samples whose border is brighter or darker than that of any real image.
#
# **Overfitting.** The validation ELBO falls while the training ELBO rises: the model memorizes the
# training images. Stop where validation was best, use more data, or use a smaller network.
#
# ## What to try next
#
# 1. Use `latent_dim=16`. Which term of the ELBO improves? Why do random samples get worse in some
#    places and sharper in others?
# 2. Give `VAE` the argument `beta=4`. Look at `kl` and at the samples. Then try `beta=0`: what is
#    left is an autoencoder. What do its samples look like, and why?
# 3. `vae.interpolate(held_out[0], held_out[1], steps=8)` walks from one digit to another. Do all
#    points on the way look like digits?
# 4. Do the exercises in `exercises/chapter4.ipynb`, then run
#    `python -m genai_keras.check chapter4`.
# 5. Do all this from the command line, too: `python -m genai_keras.train_vae --latent-dim 2`.
