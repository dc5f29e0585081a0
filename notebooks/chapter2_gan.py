# %% [markdown]
# # Chapter 2: two networks that train each other, the GAN
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/chapter2_gan.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/chapter2_gan.ipynb)
#
# **What you will learn**
# - what the generator and the discriminator each want, as losses of logits;
# - why both losses start near multiples of log 2, and why they should not fall to zero;
# - why the generator's loss is not simply the negative of the discriminator's;
# - whose gradient moves which network;
# - how to read `d_real` and `d_fake`.
#
# About one and a half minutes on two CPU cores.

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

from genai_keras import losses
from genai_keras.callbacks.images import ImageGrid
from genai_keras.data.images import load_images
from genai_keras.models.gan import GAN
from genai_keras.networks.dense import build_dense_discriminator, build_dense_generator
from genai_keras.course.notebook import (
    new_run,
    plot_history,
    setting,
    show_images,
    show_source,
    show_tensorboard,
)
from genai_keras.training.tensorboard import EpochTensorBoard

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A small batch and its shapes
#
# 5,000 real handwritten digits come with a package that is already installed; a tenth of them is put
# aside. Pixels are scaled to [-1, 1], the range of `tanh`, which will be the generator's last activation:
# what is generated must be able to look like what is real.

# %%
train, validation = load_images("mnist5k", batch_size=64)
batch = next(iter(train.shuffled()))  # (64, 28, 28, 1)
print("one batch:", batch.shape, f"from {np.min(batch):.0f} to {np.max(batch):.0f}")
print(train.count, "digits to learn from,", validation.count, "put aside")
show_images(batch[:16], columns=8)

# %% [markdown]
# ## The network
#
# There are two. The **generator** $G$ makes a picture from noise $z$, drawn from $\mathcal N(0, 1)$. The
# **discriminator** $D$ makes one number from a picture, a logit: positive means real, negative means
# generated, and $\sigma(\text{logit})$ is the probability it gives to real. Both are plain `Dense` layers.

# %%
generator = build_dense_generator(
    latent_dim=100, output_shape=(28, 28, 1), widths=(256, 512, 1024), normalize=True
)
discriminator = build_dense_discriminator((28, 28, 1), widths=(512, 256))
noise = tf.random.normal((64, 100))
print("noise", noise.shape, "-> pictures", generator(noise).shape)
print("pictures", batch.shape, "-> logits", discriminator(batch).shape)
print(f"{generator.count_params():,} and {discriminator.count_params():,} weights")

# %%
show_source(build_dense_discriminator)

# %% [markdown]
# What an untrained generator makes: noise of its own kind.

# %%
show_images(generator(noise, training=True)[:16], columns=8)

# %% [markdown]
# ## The two losses
#
# Write $D(x)$ for the probability $\sigma(\text{logit})$ that $x$ is real. The discriminator is an ordinary
# classifier of two classes, and its loss is an ordinary cross-entropy: $-\log D(x)$ for real pictures,
# $-\log(1 - D(G(z)))$ for generated ones. The generator wants the opposite of the second term: that its
# pictures are taken for real.

# %%
show_source(losses.discriminator_loss, losses.non_saturating_generator_loss)

# %% [markdown]
# Two things in there need a look.
#
# **Softplus of logits.** $-\log\sigma(l) = \log(1 + e^{-l})$. Computed in two steps it fails for a
# discriminator that is very sure; in one step it does not:

# %%
logit = tf.constant([[-120.0]])
print("in two steps:", float(-tf.math.log(tf.sigmoid(logit))[0, 0]))
print("in one step: ", float(losses.non_saturating_generator_loss(logit)))

# %% [markdown]
# **"Non-saturating".** If the generator's loss were the negative of the discriminator's, it would be
# $\log(1 - D(G(z)))$: the *minimax* loss. Both fall when the logit of a generated picture rises, so they
# agree on what is better. They do not agree on how much it matters:

# %%
logits = tf.linspace(-8.0, 8.0, 161)
with tf.GradientTape(persistent=True) as tape:
    tape.watch(logits)
    curves = {
        # The loss averages over a batch: here each logit is a batch of its own.
        "non-saturating: -log D": tf.stack(
            [losses.non_saturating_generator_loss(logit) for logit in tf.unstack(logits)]
        ),
        "minimax: log(1 - D)": -tf.nn.softplus(logits),
    }

_, axes = plt.subplots(1, 2, figsize=(9, 3))
for name, curve in curves.items():
    pull = -tape.gradient(curve, logits)
    axes[0].plot(logits, curve, label=name)
    axes[1].plot(logits, pull, label=name)
    at = [float(np.interp(logit, logits, pull)) for logit in (-6, 0, 6)]
    print("{:22} pulls with {:.4f} at a logit of -6, {:.4f} at 0, {:.4f} at 6".format(name, *at))
axes[0].set(title="loss, in nats", xlabel="D's logit of a generated picture")
axes[1].set(title="how hard it pulls the logit up", xlabel="D's logit of a generated picture")
axes[0].legend()
plt.tight_layout()
plt.show()

# %% [markdown]
# A young generator is at the left: its pictures are easily seen through. There the minimax loss is flat,
# and the generator would learn least when it has most to learn. The non-saturating loss pulls hardest
# there. At 0, where the discriminator cannot tell, both pull alike.
#
# ## One training step by hand
#
# **Before you run the next cell, guess:** nobody has been trained, so all logits are near 0 and all
# probabilities near one half. What is the discriminator's loss, a sum of two terms? And the generator's?

# %%
with tf.GradientTape(persistent=True) as tape:
    fake = generator(noise, training=True)  # (64, 28, 28, 1)
    real_logits = discriminator(batch, training=True)  # (64, 1)
    fake_logits = discriminator(fake, training=True)  # (64, 1)
    generator_loss = losses.non_saturating_generator_loss(fake_logits)
    discriminator_loss = losses.discriminator_loss(real_logits, fake_logits)
print("noise", noise.shape, "-> fake", fake.shape, "-> logits", fake_logits.shape)
print(f"mean logit of real {np.mean(real_logits):.2f}, of generated {np.mean(fake_logits):.2f}")
print(f"discriminator loss {discriminator_loss:.3f} nats; 2 log 2 = {2 * np.log(2):.3f}")
print(f"generator loss     {generator_loss:.3f} nats;   log 2 = {np.log(2):.3f}")

# %% [markdown]
# Not exactly: the first weights are random, and so the logits are not exactly 0. But near.
#
# Each loss depends on *both* networks' weights: the generator's pictures go through the discriminator.
# So there are four gradients. Which of them may be used?

# %%
networks = {"generator": generator, "discriminator": discriminator}
for loss_name, loss in (
    ("generator_loss", generator_loss),
    ("discriminator_loss", discriminator_loss),
):
    for name, network in networks.items():
        gradient = tape.gradient(loss, network.trainable_variables)
        print(f"{loss_name:18} by {name:13} norm {tf.linalg.global_norm(gradient):.3f}")

# %% [markdown]
# None is zero. But the discriminator must not follow the generator's loss: it would learn to call
# everything real. And the generator must not follow the discriminator's: it would learn to be seen
# through. So each optimizer gets the weights of its own network and no others.
#
# First the discriminator. **Guess:** which of the two losses rises by this, and does a weight of the
# generator change?


# %%
def copies():
    return {name: network.get_weights() for name, network in networks.items()}


def report(before):
    for name, network in networks.items():
        pairs = zip(before[name], network.get_weights(), strict=True)
        moved = max(float(np.max(np.abs(old - new))) for old, new in pairs)
        print(f"{name}: largest change of a weight {moved:.6f}")


before = copies()
optimizer = keras.optimizers.Adam(1e-3, beta_1=0.5)
weights = discriminator.trainable_variables
optimizer.apply(tape.gradient(discriminator_loss, weights), weights)
report(before)
real_logits, fake_logits = discriminator(batch), discriminator(fake)
print(f"discriminator loss {losses.discriminator_loss(real_logits, fake_logits):.3f}")
print(f"generator loss     {losses.non_saturating_generator_loss(fake_logits):.3f}")

# %% [markdown]
# Its loss fell, the generator's rose, and the generator's weights are what they were. (0.001 is Adam's
# step size: its first step moves a weight by about as much, whatever the gradient's length.)
#
# Now the generator, with its gradient of the same pass:

# %%
before = copies()
optimizer = keras.optimizers.Adam(1e-3, beta_1=0.5)
weights = generator.trainable_variables
optimizer.apply(tape.gradient(generator_loss, weights), weights)
report(before)
fake_logits = discriminator(generator(noise, training=True))
print(f"discriminator loss {losses.discriminator_loss(real_logits, fake_logits):.3f}")
print(f"generator loss     {losses.non_saturating_generator_loss(fake_logits):.3f}")

# %% [markdown]
# One step each, and the advantage has changed sides twice. That is all there is. The model's own step does
# the same, with new noise. (`_average` is for chapter 3; labels, for a conditional GAN, are not used here.)

# %%
show_source(GAN.train_step, GAN._both_losses)

# %%
gan = GAN(generator, discriminator, seed=0)
gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
for name, value in gan.train_step(batch).items():
    print(f"{name:19} {float(value):.3f}")

# %% [markdown]
# The numbers are of the pass *before* the updates: after its step by hand, the generator deceives the
# discriminator with every one of the 64 pictures, `accuracy_fake` 0. They look no more like digits than
# before. A discriminator of one step is easily deceived, and only as it gets better does the generator have
# to draw.
#
# ## A short `fit`
#
# `fit` repeats that step. Before training and after each epoch a callback draws 64 pictures from noise
# that stays the same.

# %%
run = new_run("chapter2")
noise_before = gan.generate(16, seed=1)
history = gan.fit(
    train.shuffled(),
    epochs=setting(40, fast=1),
    steps_per_epoch=setting(train.steps_per_epoch, fast=5),
    validation_data=validation.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "mlp" / "tensorboard", write_graph=False),
        ImageGrid(run / "mlp"),
    ],
)
plot_history(history, ["generator_loss", "discriminator_loss"], ["d_real", "d_fake"])
reported = ("generator_loss", "discriminator_loss", "d_real", "d_fake")
print({name: round(history.history[name][-1], 2) for name in reported})

# %% [markdown]
# How to read this:
# - `d_real` is the mean of $D(x)$ over real pictures, `d_fake` the mean of $D(G(z))$. Here they settle at
#   some 0.64 and 0.37: the discriminator leans to the right answer, but it is far from sure. Both at 0.5
#   would mean that it cannot tell at all; near 1 and 0, that it has won and the generator is lost.
# - The losses say the same in nats. They do *not* fall as in supervised learning, for what one network gains
#   the other loses. A flat curve is a balance of two that both go on learning: the pictures still get better,
#   as TensorBoard shows below.
# - A full line is the mean over an epoch. A dashed one is a snapshot: held-out digits, and pictures of the
#   averaged generator, judged by the discriminator that the epoch's last step left. It leans now to one side
#   and now to the other, as you saw by hand, so the dashed lines jump.
#
# ## Samples
#
# Two rows from before training, and two that the generator makes of the same noise now:

# %%
show_images(np.concatenate([noise_before, gan.generate(16, seed=1)]), columns=8)

# %%
show_images(gan.generate(48, seed=2), columns=12)

# %% [markdown]
# Many are digits, in several handwritings. Others are blurred, or have grey dust around them, or are no digit: to a
# dense layer two pixels side by side are as far apart as any others, and each pixel of a smooth stroke has to
# be learned by itself. Chapter 3 does something about that.
#
# ### A smaller one
#
# How much of this is the depth? The same training with one hidden layer of 256 in each network:

# %%
small = GAN(
    build_dense_generator(100, (28, 28, 1), widths=(256,), normalize=True),
    build_dense_discriminator((28, 28, 1), widths=(256,)),
)
small.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
small_history = small.fit(
    train.shuffled(),
    epochs=setting(40, fast=1),
    steps_per_epoch=setting(train.steps_per_epoch, fast=5),
    validation_data=validation.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "dense" / "tensorboard", write_graph=False),
        ImageGrid(run / "dense"),
    ],
)
show_images(small.generate(48, seed=2), columns=12)
for title, each in (("small", small_history), ("large", history)):
    print(title, {name: round(each.history[name][-1], 2) for name in reported})

# %% [markdown]
# The strokes are there, whole digits are rarer. And yet the figures are nearly those of the large networks,
# since here a weaker generator plays against a weaker discriminator. **Losses of a GAN say how even the
# game is, not how good the pictures are.** Judge by the pictures; chapter 7 measures them.
#
# ## TensorBoard
#
# Both trainings: curves under *Scalars*, the 64 pictures of each epoch under *Images*. (The page is live: it
# shows where the notebook runs, not where it is only read.)

# %%
show_tensorboard(run)

# %% [markdown]
# ## When it goes wrong
#
# `python -m genai_keras.train_gan` has a training doctor that watches for two illnesses of GANs.
#
# **A saturated discriminator.** It is right about every real and every generated picture. Where it is so sure, its logit
# hardly changes from one picture to a slightly better one, and that change is all that the generator learns from. Give the
# discriminator a smaller step size, or fewer units.
#
# **Mode collapse.** The generator's loss asks of each sample alone whether it passes for real. Nothing in it asks that two samples
# differ, so a generator that has found one picture that works may make it of every noise, until the discriminator has learnt
# that picture, and then move on to the next. `diversity` in the run's curves is how far samples are from each other, to the nearest one and
# on the whole, where as many real digits have 1: it falls to 0 for one picture over and over, and for a few as well. Larger batches let the
# discriminator see more at once, label smoothing keeps it from being too sure, smaller steps give neither the time to run away.
#
# ## What to try next
#
# 1. Build the generator with `normalize=False`, and let a classifier count the digits that it makes:
#    `load_feature_extractor("mnist5k").classify((gan.generate(2_000) + 1) / 2)`, with
#    `load_feature_extractor` from `genai_keras.evaluation.features`. The data have a tenth of each. Which ones are rare now?
# 2. Give the discriminator's Adam four times the step size. What do `d_real` and `d_fake` do? What do the
#    pictures do?
# 3. `gan.compile(..., label_smoothing=0.1)` makes 0.9 the target for real pictures. What is the least that
#    the discriminator's loss can be now, and what does `d_real` become?
# 4. Use `latent_dim=2`, for the network and for the noise by hand, and show `gan.decode(plane(14))`, with
#    `plane` from `genai_keras.callbacks.latents`. Is each digit somewhere? Do neighbours resemble each other?
# 5. The exercises: `exercises/chapter2.ipynb`, then `python -m genai_keras.check chapter2`.
# 6. The command line does all this, too: `python -m genai_keras.train_gan --preset mlp`, or `dense`.
