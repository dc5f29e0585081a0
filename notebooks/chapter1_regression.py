# %% [markdown]
# # Chapter 1: a dense network, and why regression generates nothing
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/chapter1_regression.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/chapter1_regression.ipynb)
#
# **What you will learn**
# - what it means that a model *generates*: its samples have the distribution of the data;
# - what squared error asks of a network: the conditional mean, and why that is no sample;
# - how to tell how far samples are from a distribution: a histogram, and the Wasserstein distance;
# - that the very same network generates, once another network judges it.
#
# About one minute on two CPU cores.

# %%
# On Colab and Binder this installs genai_keras; anywhere else it does nothing.
import os
import sys

if "google.colab" in sys.modules or "BINDER_SERVICE_HOST" in os.environ:
    import subprocess

    address = "git+https://github.com/genai-keras/genai_keras"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

import genai_keras.cli.quiet  # TensorFlow starts without its notes on this machine

# %%
import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt

from genai_keras.callbacks.density import DensityPlot
from genai_keras.data.toy import GaussianMixture, load_mixture
from genai_keras.models.gan import GAN
from genai_keras.networks.dense import build_dense_discriminator, build_dense_generator
from genai_keras.course.notebook import (
    new_run,
    plot_history,
    setting,
    show_source,
    show_tensorboard,
)
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# The data are numbers, so that one can see everything: points on a line, drawn from a mixture of two
# Gaussians. Six in ten are from $\mathcal N(-2, 0.5^2)$, four in ten from $\mathcal N(2, 0.8^2)$. We know the
# density, which for pictures nobody does, and so we can hold a model against the truth.
#
# What a **generative model** has to do: turn noise into numbers that have this density.

# %%
mixture = GaussianMixture()
train, validation = load_mixture(batch_size=512)
batch = next(iter(train.shuffled()))  # (512, 1)
noise = tf.random.normal((512, 100))
print("one batch:", batch.shape, "and noise for it:", noise.shape)
print("five points:", np.round(batch[:5, 0], 2))

x = np.linspace(-6, 6, 400)
bins = np.linspace(-6, 6, 97)
plt.figure(figsize=(6, 3))
plt.hist(np.ravel(batch), bins, density=True, label="one batch")
plt.plot(x, mixture.density(x), color="black", label="true density p(x)")
plt.xlabel("x")
plt.legend()
plt.show()

# %% [markdown]
# ## The network
#
# An ordinary stack of dense layers, from 100 numbers of noise to one number. It has no activation at
# its output, since $x$ has no bounds.

# %%
show_source(build_dense_generator)

# %%
network = build_dense_generator(
    latent_dim=100, output_shape=(1,), widths=(128, 64), output_activation=None, normalize=True
)
first_weights = network.get_weights()  # for a second go, further down
print("noise", noise.shape, "-> x", network(noise).shape)
print(f"{network.count_params():,} weights")

# %% [markdown]
# ## One training step by hand
#
# How would one train it with what one knows of Keras? Deal to each noise vector a data point and fit
# by squared error: `network.fit(noise, points)`. It looks like any regression. Let us do it slowly.
#
# **Before you run the next cell, guess:** what is the loss of the untrained network? The data have the
# variance 4.25 and the mean -0.4; the network's outputs lie somewhere near 0.

# %%
with tf.GradientTape(persistent=True) as tape:
    output = network(noise, training=True)  # (512, 1)
    loss = tf.reduce_mean(tf.square(output - batch))
print(f"outputs: mean {np.mean(output):.2f}, standard deviation {np.std(output):.2f}")
print(f"loss {loss:.2f}")

# %% [markdown]
# A bit more than the variance of the data: for numbers $f$ that know nothing of $x$,
# $\mathbb E[(f-x)^2] = \mathrm{Var}(x) + \mathrm{Var}(f) + (\mathbb E[f]-\mathbb E[x])^2$. Remember this line; it
# says already what will happen.
#
# The gradient of the loss by one output is $2(f - x)$, divided by the size of the batch. So each output
# is pulled towards the point it was dealt:

# %%
pull = -0.5 * len(batch) * tape.gradient(loss, output)  # x - f
for number in range(4):
    values = (float(each[number, 0]) for each in (output, batch, pull))
    print("output {:5.2f}, its point {:5.2f}: pull {:5.2f}".format(*values))

# %% [markdown]
# That is good for this batch. But the pairs mean nothing: noise and point were drawn apart from each
# other, and the next time a similar noise vector comes it is dealt another point, often from the other
# hill. What pulls at one noise vector in the long run is the *average* over all points. We let one
# output stand at several places and look at that average.

# %%
points = train.first(20_000)
for place in (-2.0, -1.0, -0.4, 0.5, 2.0):
    print(f"an output at {place:4.1f} is pulled by {np.mean(points - place):5.2f}")

# %% [markdown]
# On the left hill, at -2, where most of the data are, it is pulled *away* from them. It comes to rest
# only at -0.4, the mean. Look at what is there:

# %%
loss_of_constant = [np.mean(np.square(points - place)) for place in x]
_, axes = plt.subplots(2, 1, figsize=(6, 4), sharex=True)
axes[0].plot(x, loss_of_constant)
axes[0].set_ylabel("squared error of\na constant output")
axes[1].plot(x, mixture.density(x), color="black")
axes[1].set(ylabel="p(x)", xlabel="x")
for axis in axes:
    axis.axvline(np.mean(points), linestyle="--", color="tab:red")
plt.tight_layout()
plt.show()
best = np.mean(points)
print(f"mean {best:.2f}, density there {mixture.density(best):.4f}")
print(f"least squared error {min(loss_of_constant):.2f}, variance {np.var(points):.2f}")

# %% [markdown]
# The best answer by squared error is a number that hardly ever occurs. Nothing is wrong with the
# optimizer, the network or the data: it is what was asked for. In general, squared error is least at
# the **conditional mean** $f(z) = \mathbb E[x\mid z]$; and as $x$ was dealt without looking at $z$, that is
# $\mathbb E[x]$ for every $z$.
#
# One step of Adam, by hand:

# %%
optimizer = keras.optimizers.Adam(1e-3)
weights = network.trainable_variables
optimizer.apply(tape.gradient(loss, weights), weights)
after = tf.reduce_mean(tf.square(network(noise, training=True) - batch))
print(f"loss of the same batch {loss:.3f} -> {after:.3f}")

# %% [markdown]
# ## A short `fit`
#
# `fit` repeats that step. New noise is drawn for each batch, so that there are no pairs to learn by heart.
#
# **Guess:** at what value does the loss come to rest?

# %%
run = new_run("chapter1")
network.compile(keras.optimizers.Adam(1e-3), loss="mse")
pairs = train.shuffled().map(lambda points: (tf.random.normal((512, 100)), points))
held_out = validation.first(2_000)
history = network.fit(
    pairs,
    epochs=setting(8, fast=1),
    steps_per_epoch=setting(train.steps_per_epoch, fast=5),
    validation_data=(np.random.default_rng(1).normal(size=(2_000, 100)), held_out),
    shuffle=False,
    verbose=0,
    callbacks=[EpochTensorBoard(run / "regression" / "tensorboard", write_graph=False)],
)
plot_history(history, ["loss"])
print(f"last loss {history.history['loss'][-1]:.3f}, variance of the data {np.var(points):.3f}")

# %% [markdown]
# At the variance of the data, and no training takes it lower for points it has not seen. By the loss
# curve alone this is a success: it fell, it is nearly flat, and the dashed line of held-out points agrees
# with it to a few hundredths.
#
# ## The same network, another teacher
#
# Now the same layers again, from the same first weights. What judges them changes. No output is dealt a
# point any more. Instead a second network, the **discriminator**, looks at one number at a time and
# says how likely it is real rather than generated, and the first one, now called the **generator**,
# learns to be taken for real. Chapter 2 takes this apart; here it is one `fit`.
#
# Why does that not end at the mean? An output at -0.4 is easily seen through, as there are hardly any
# data there. The generator is told *whether* a number could be real, not *which* number it should have
# been.

# %%
generator = keras.models.clone_model(network)
generator.set_weights(first_weights)
discriminator = build_dense_discriminator((1,), widths=(128, 64))
gan = GAN(generator, discriminator, seed=0)

epochs, steps = setting(30, fast=1), setting(train.steps_per_epoch, fast=5)
gan.compile(
    *(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(1e-3, epochs * steps), beta_1=0.5
        )
        for _ in ("generator", "discriminator")
    )
)
histograms = DensityPlot(run / "gan", mixture)
gan_history = gan.fit(
    train.shuffled(),
    epochs=epochs,
    steps_per_epoch=steps,
    shuffle=False,
    verbose=0,
    callbacks=[
        histograms,
        EpochTensorBoard(run / "gan" / "tensorboard", write_graph=False),
    ],
)
plot_history(gan_history, ["generator_loss", "discriminator_loss"], ["wasserstein"])

# %% [markdown]
# The losses do not fall to zero: they settle near $\log 2 = 0.69$ and $2\log 2 = 1.39$, where the
# discriminator can no longer tell the two apart. What improves is on the right: the **Wasserstein
# distance**, how far the samples would have to be moved along the line, on average and at least, to
# have the true density.
#
# The callback drew a histogram before training and after each epoch. Four of them:

# %%
files = histograms.shown()
_, axes = plt.subplots(2, 2, figsize=(9, 7))
for axis, epoch in zip(axes.flat, (0, 2, 5, 30), strict=True):
    axis.imshow(plt.imread(files[min(epoch, len(files) - 1)]))
    axis.set_title(f"epoch {epoch}", fontsize=10)
    axis.axis("off")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## Samples
#
# Both networks get 20,000 noise vectors they have not seen. Left the one that was fitted by squared
# error, in the middle the one that the discriminator judged: the same layers, the same first weights.
# Right, what the discriminator says at the end.

# %%
unseen = np.random.default_rng(2).normal(size=(20_000, 100)).astype("float32")
samples = {"squared error": network.predict(unseen, verbose=0), "generator": gan.decode(unseen)}
_, axes = plt.subplots(1, 3, figsize=(13, 3))
for axis, (title, made) in zip(axes, samples.items(), strict=False):
    axis.hist(np.ravel(made), bins, density=True, label="made from noise")
    axis.plot(x, mixture.density(x), color="black", label="true density p(x)")
    axis.set(title=title, xlabel="x")
    axis.legend(loc="upper right", fontsize=8)
probability = tf.sigmoid(gan.discriminator(x[:, None].astype("float32")))
axes[2].plot(x, probability, color="tab:green")
axes[2].fill_between(x, mixture.density(x), color="lightgrey", label="p(x)")
axes[2].set(title="D(x), probability of being real", xlabel="x", ylim=(0, 1))
axes[2].legend(loc="upper right", fontsize=8)
plt.tight_layout()
plt.show()

# %%
samples["a constant, the mean"] = np.full(20_000, -0.4)
samples["as many real points"] = mixture.sample(20_000, seed=5)
print(f"{'':22} mean  standard deviation  Wasserstein-1 distance")
for title, made in samples.items():
    print(f"{title:20} {made.mean():6.2f} {made.std():20.2f} {mixture.wasserstein(made):23.3f}")

# %% [markdown]
# The regression's outputs are not exactly one number: the network wanders a little about the mean, as
# the batches pull it to and fro. But that spread has nothing to do with the data's, and the distance
# to the truth is nearly that of a constant.
#
# The generator's histogram lies on the density: both hills, and about the right share in each. It is
# not perfect: as many real points come a few times closer. What is still wrong can be seen on the right.
# Where the data are, the discriminator says about one half, which means that it cannot tell. Between the
# hills it says less: the generator puts a thin bridge of points there, where there are fewer real ones.
# A continuous function that sends some noise to one hill and some to the other has to cross the valley
# somewhere; it can only do so fast.
#
# ## TensorBoard
#
# Curves under *Scalars*; under *Images* the histogram of each epoch: pull the slider there. (The page
# is live: it shows where the notebook runs, not where it is only read.)

# %%
show_tensorboard(run)

# %% [markdown]
# ## Where this leads
#
# A generative model stands for a density $p(x)$, written down or not. This chapter's generator can draw
# from its density but cannot say what it is at a point. Others can:
# - chapter 6 writes it as a product, $p(x) = \prod_i p(x_i\mid x_1, \dots, x_{i-1})$, one factor at a time;
# - chapter 4 as an integral, $p(x) = \int p(x\mid z)\,p(z)\,dz$, and bounds it. There, too, a network maps
#   noise to data and is fitted to them. It works because each $z$ is first drawn *for its* $x$ by a second
#   network: the pairs then mean something.
#
# ## What to try next
#
# 1. Compile the regression with `loss="mae"`, absolute error. Where do all outputs go? Guess before you
#    run it; it is not the mean.
# 2. Give the network a chance: deal to each noise vector a point of the hill that the sign of `noise[:, 0]`
#    names. What is the conditional mean now, and what does the histogram look like?
# 3. Fit the regression for 100 epochs to 512 pairs that always stay the same, in batches of 64. Its loss
#    falls far below the variance. What do the outputs for *new* noise look like?
# 4. Take another mixture, `GaussianMixture((0.3, 0.4, 0.3), (-4, 0, 4), (0.3, 0.3, 0.3))`, and give it to
#    `load_mixture`, too: `mixture=mixture`. Does the generator find all three hills?
# 5. The exercises: `exercises/chapter1.ipynb`, then `python -m genai_keras.check chapter1`.
# 6. The command line does the same: `python -m genai_keras.train_gan --preset dense-1d`.
