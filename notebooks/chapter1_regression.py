# %% [markdown]
# # Chapter 1: a dense network, and why regression generates nothing
#
# **What you will learn**
# - what it means for a model to *generate*: its samples have the distribution of the data;
# - what squared error asks of a network: the conditional mean, which is not a sample;
# - how to measure how far samples are from a distribution: with a histogram and the Wasserstein
#   distance;
# - that the very same network does generate, once another network judges it.

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
    Progress,
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
# The data are plain numbers, so that we can see everything. They are points on a line, drawn from a
# mixture of two Gaussians: six in ten from $\mathcal N(-2, 0.5^2)$, four in ten from
# $\mathcal N(2, 0.8^2)$. We know this density exactly, so we can compare a model with the truth.
# For images, nobody knows the density.
#
# A **generative model** has to turn noise into numbers that have this density.

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
# An ordinary stack of dense layers turns 100 noise numbers into one number. Its output has no
# activation, because $x$ has no bounds.

# %%
show_source(build_dense_generator)

# %%
network = build_dense_generator(
    latent_dim=100, output_shape=(1,), widths=(128, 64), output_activation=None, normalize=True
)
first_weights = network.get_weights()  # to start again from them below
print("noise", noise.shape, "-> x", network(noise).shape)
print(f"{network.count_params():,} weights")

# %% [markdown]
# ## One training step by hand
#
# How would you train it with what you know of Keras? You might assign a data point to each noise
# vector and fit by squared error: `network.fit(noise, points)`. It looks like any regression. Let
# us do it slowly.
#
# **Before you run the next cell, guess:** what is the loss of the untrained network? The data have
# variance 4.25 and mean -0.4. The network's outputs lie somewhere near 0.

# %%
with tf.GradientTape(persistent=True) as tape:
    output = network(noise, training=True)  # (512, 1)
    loss = tf.reduce_mean(tf.square(output - batch))
print(f"outputs: mean {np.mean(output):.2f}, standard deviation {np.std(output):.2f}")
print(f"loss {loss:.2f}")

# %% [markdown]
# The loss is a bit more than the variance of the data. If the numbers $f$ know nothing of $x$, then
# $\mathbb E[(f-x)^2] = \mathrm{Var}(x) + \mathrm{Var}(f) + (\mathbb E[f]-\mathbb E[x])^2$. Remember
# this line: it already tells you what will happen.
#
# The gradient of the loss with respect to one output is $2(f - x)$, divided by the batch size. So
# each output is pulled towards the point assigned to it:

# %%
pull = -0.5 * len(batch) * tape.gradient(loss, output)  # x - f
for number in range(4):
    values = (float(each[number, 0]) for each in (output, batch, pull))
    print("output {:5.2f}, its point {:5.2f}: pull {:5.2f}".format(*values))

# %% [markdown]
# That helps with this batch. But the pairs mean nothing. Noise and points were drawn independently,
# so the next time a similar noise vector comes up, it gets a different point, often from the other
# hill. In the long run, what pulls at a noise vector is the *average* over all points. Let us put
# one output at several places and look at that average.

# %%
points = train.first(20_000)
for place in (-2.0, -1.0, -0.4, 0.5, 2.0):
    print(f"an output at {place:4.1f} is pulled by {np.mean(points - place):5.2f}")

# %% [markdown]
# At -2, on the left hill, where most of the data are, the output is pulled *away* from them. It
# comes to rest only at -0.4, the mean. Look at what is there:

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
# optimizer, the network or the data: this is what the loss asks for. In general, the squared error
# is smallest at the **conditional mean** $f(z) = \mathbb E[x\mid z]$. Here $x$ was assigned without
# looking at $z$, so the conditional mean is $\mathbb E[x]$ for every $z$.
#
# Now one step of Adam, by hand:

# %%
optimizer = keras.optimizers.Adam(1e-3)
weights = network.trainable_variables
optimizer.apply(tape.gradient(loss, weights), weights)
after = tf.reduce_mean(tf.square(network(noise, training=True) - batch))
print(f"loss of the same batch {loss:.3f} -> {after:.3f}")

# %% [markdown]
# ## A short `fit`
#
# `fit` repeats that step. It draws new noise for each batch, so there are no pairs to memorize.
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
    callbacks=[EpochTensorBoard(run / "regression" / "tensorboard"), Progress()],
)
plot_history(history, ["loss"])
print(f"last loss {history.history['loss'][-1]:.3f}, variance of the data {np.var(points):.3f}")

# %% [markdown]
# The loss comes to rest at the variance of the data. No training can lower it further for points
# the network has not seen. Judged by the loss curve alone, this is a success: the loss fell, it is
# nearly flat, and the dashed line of held-out points agrees with it to within a few hundredths.
#
# ## The same network, another teacher
#
# Take the same layers again, with the same initial weights, but change what judges them. No output
# gets a point assigned to it any more. Instead, a second network, the **discriminator**, looks at
# one number at a time and says how likely it is to be real rather than generated. The first network
# is now called the **generator**. It learns to make numbers that pass for real. Chapter 2 takes
# this apart; here it is a single `fit`.
#
# Why does this not end at the mean? An output at -0.4 is easy to recognize as generated, because
# there are hardly any data there. The generator learns *whether* a number could be real, not
# *which* number it should have been.

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
        EpochTensorBoard(run / "gan" / "tensorboard"),
        Progress(histograms),
    ],
)
plot_history(gan_history, ["generator_loss", "discriminator_loss"], ["wasserstein"])

# %% [markdown]
# The losses do not fall to zero. They settle near $\log 2 = 0.69$ and $2\log 2 = 1.39$, where the
# discriminator can no longer tell real from generated. The right-hand plot shows what improves: the
# **Wasserstein distance**, the smallest average distance by which the samples would have to move
# along the line to match the true density.
#
# The callback drew a histogram before training and after each epoch. Here are four of them:

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
# Both networks get 20,000 unseen noise vectors. Left: the network fitted by squared error. Middle:
# the one judged by the discriminator, with the same layers and the same initial weights. Right:
# what the discriminator says at the end.

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
# The outputs of the regression are not exactly one number. The network wanders a little around the
# mean, as the batches pull it back and forth. But that spread has nothing to do with the spread of
# the data, and the distance to the truth is almost as large as that of a constant.
#
# The generator's histogram follows the density. It has both hills, with about the right fraction of
# points in each. It is not perfect: a real sample of the same size comes several times closer. The
# plot on the right shows what is still wrong. Where the data are, the discriminator says about one
# half: it cannot tell. Between the hills it says less: the generator puts a thin bridge of points
# there, where real points are rarer. A continuous function that sends some noise to one hill and
# some to the other has to cross the valley somewhere. The best it can do is cross quickly.
#
# ## TensorBoard
#
# The curves are under *Scalars*. The histograms of all epochs are under *Images*, with a slider.
# (The page is live: it works only where the notebook is running.)

# %%
show_tensorboard(run)

# %% [markdown]
# ## Where this leads
#
# A generative model stands for a density $p(x)$, whether or not anyone can write it down. The
# generator of this chapter can draw from its density but cannot say what the density is at a point.
# Other models can:
# - Chapter 6 writes the density as a product, $p(x) = \prod_i p(x_i\mid x_1, \dots, x_{i-1})$, one
#   factor at a time.
# - Chapter 4 writes it as an integral, $p(x) = \int p(x\mid z)\,p(z)\,dz$, and bounds it. There,
#   too, a network maps noise to data and is fitted to them. It works because a second network first
#   draws each $z$ *for its* $x$, so the pairs mean something.
#
# ## What to try next
#
# 1. Compile the regression with `loss="mae"`, absolute error. Where do all outputs go? Guess before
#    you run it; it is not the mean.
# 2. Give the network a chance: let the sign of `noise[:, 0]` choose the hill from which each noise
#    vector gets its point. What is the conditional mean now, and what does the histogram look like?
# 3. Fit the regression for 100 epochs to 512 pairs that never change, in batches of 64. Its loss
#    falls far below the variance. What do the outputs for *new* noise look like?
# 4. Take another mixture, `GaussianMixture((0.3, 0.4, 0.3), (-4, 0, 4), (0.3, 0.3, 0.3))`, and pass
#    it to `load_mixture` as well: `mixture=mixture`. Does the generator find all three hills?
# 5. Do the exercises in `exercises/chapter1.ipynb`, then run
#    `python -m genai_keras.check chapter1`.
# 6. Do the same from the command line: `python -m genai_keras.train_gan --preset dense-1d`.
