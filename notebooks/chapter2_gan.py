# %% [markdown]
# # Chapter 2: two networks that train each other, the GAN
#
# **What you will learn**
# - what the generator and the discriminator each want, written as losses of logits;
# - why both losses start near multiples of log 2, and why they should not fall to zero;
# - why the generator's loss is not simply the negative of the discriminator's;
# - whose gradient moves which network;
# - how to read `d_real` and `d_fake`.

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
    Progress,
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
# 5,000 real handwritten digits come with a package that is already installed. A tenth of them is
# held out for validation. Pixels are scaled to [-1, 1]. That is the range of `tanh`, the
# generator's last activation: generated images must be able to look like real ones.

# %%
train, validation = load_images("mnist5k", batch_size=64)
batch = next(iter(train.shuffled()))  # (64, 28, 28, 1)
print("one batch:", batch.shape, f"from {np.min(batch):.0f} to {np.max(batch):.0f}")
print(train.count, "digits to learn from,", validation.count, "put aside")
show_images(batch[:16], columns=8)

# %% [markdown]
# ## The network
#
# There are two. The **generator** $G$ turns noise $z$, drawn from $\mathcal N(0, 1)$, into an
# image. The **discriminator** $D$ turns an image into one number, a logit. Positive means real,
# negative means generated, and $\sigma(\text{logit})$ is the probability that the image is real.
# Both are built from plain `Dense` layers.

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
# An untrained generator makes noise of its own kind:

# %%
show_images(generator(noise, training=True)[:16], columns=8)

# %% [markdown]
# ## The two losses
#
# Write $D(x)$ for the probability $\sigma(\text{logit})$ that $x$ is real. The discriminator is an
# ordinary classifier with two classes, and its loss is an ordinary cross-entropy: $-\log D(x)$ for
# real images, $-\log(1 - D(G(z)))$ for generated ones. The generator wants the opposite of the
# second term: its images should pass for real.

# %%
show_source(losses.discriminator_loss, losses.non_saturating_generator_loss)

# %% [markdown]
# Two things here need a closer look.
#
# **Softplus of logits.** $-\log\sigma(l) = \log(1 + e^{-l})$. Computed in two steps, this fails
# when the discriminator is very sure. Computed in one step, it does not:

# %%
logit = tf.constant([[-120.0]])
print("in two steps:", float(-tf.math.log(tf.sigmoid(logit))[0, 0]))
print("in one step: ", float(losses.non_saturating_generator_loss(logit)))

# %% [markdown]
# **"Non-saturating".** If the generator's loss were the negative of the discriminator's, it would
# be $\log(1 - D(G(z)))$, the *minimax* loss. Both losses fall when the logit of a generated image
# rises, so they agree on what is better. They disagree on how much each improvement matters:

# %%
logits = tf.linspace(-8.0, 8.0, 161)
with tf.GradientTape(persistent=True) as tape:
    tape.watch(logits)
    curves = {
        # The loss averages over a batch, so each logit is passed as a batch of its own.
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
# A young generator is at the left, because its images are easy to recognize as generated. There the
# minimax loss is flat, so the generator would learn least when it has most to learn. The
# non-saturating loss pulls hardest there. At 0, where the discriminator cannot tell, both pull
# equally.
#
# ## One training step by hand
#
# **Before you run the next cell, guess:** neither network is trained, so all logits are near 0 and
# all probabilities near one half. What is the discriminator's loss, a sum of two terms? And the
# generator's?

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
# The losses are near these values but not equal to them: the initial weights are random, so the
# logits are not exactly 0.
#
# Each loss depends on the weights of *both* networks, because the generator's images go through the
# discriminator. So there are four gradients. Which of them may we use?

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
# None of them is zero. But the discriminator must not follow the gradient of the generator's loss,
# or it would learn to call everything real. And the generator must not follow the discriminator's,
# or it would learn to make images that are easy to recognize. So each optimizer gets only the
# weights of its own network.
#
# First, the discriminator. **Guess:** which of the two losses rises after this step, and does any
# weight of the generator change?


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
# The discriminator's loss fell, the generator's rose, and the generator's weights did not change.
# (0.001 is Adam's learning rate. Adam's first step moves a weight by about that much, whatever the
# size of the gradient.)
#
# Now the generator, with its gradient from the same pass:

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
# After one step each, the advantage has changed sides twice. That is all there is to it. The
# model's own step does the same with new noise. (`accumulated` calls `gradients` with the batch, or
# with parts of it if it does not fit into memory. `average_towards` is for chapter 3. Labels are for a
# conditional GAN and are not used here.)

# %%
show_source(GAN.train_step, GAN.gradients, GAN._both_losses)

# %%
gan = GAN(generator, discriminator, seed=0)
gan.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
for name, value in gan.train_step(batch).items():
    print(f"{name:19} {float(value):.3f}")

# %% [markdown]
# These numbers come from the pass *before* the updates. After its step by hand, the generator
# deceives the discriminator with all 64 images, so `accuracy_fake` is 0. The images look no more
# like digits than before. A discriminator that has learned for one step is easy to deceive. The
# generator has to learn to draw only as the discriminator gets better.
#
# ## A short `fit`
#
# `fit` repeats that step. Before training and after each epoch, a callback draws 64 images from
# noise that stays the same. Watch how they get better.

# %%
run = new_run("chapter2")
noise_before = gan.generate(16, seed=1)
grid = ImageGrid(run / "mlp")
history = gan.fit(
    train.shuffled(),
    epochs=setting(40, fast=1),
    steps_per_epoch=setting(train.steps_per_epoch, fast=5),
    validation_data=validation.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "mlp" / "tensorboard"),
        grid,
        Progress(grid),
    ],
)
plot_history(history, ["generator_loss", "discriminator_loss"], ["d_real", "d_fake"])
reported = ("generator_loss", "discriminator_loss", "d_real", "d_fake")
print({name: round(history.history[name][-1], 2) for name in reported})

# %% [markdown]
# How to read this:
# - `d_real` is the mean of $D(x)$ over real images, `d_fake` the mean of $D(G(z))$. Here they
#   settle near 0.63 and 0.38: the discriminator leans towards the right answer but is far from
#   sure. If both were 0.5, it could not tell at all. Near 1 and 0, it would have won, and the
#   generator would be lost.
# - The losses say the same in nats. They do *not* fall as in supervised learning, because what one
#   network gains, the other loses. A flat curve means that the two are in balance while both go on
#   learning. The images still get better, as TensorBoard shows below.
# - A solid line is the mean over an epoch. A dashed line is a snapshot: held-out digits and images
#   from the averaged generator, judged by the discriminator as the last step of the epoch left it.
#   It leans now to one side, now to the other, as you saw by hand, so the dashed lines jump.
#
# ## Samples
#
# Two rows from before training, and two rows that the generator now makes from the same noise:

# %%
show_images(np.concatenate([noise_before, gan.generate(16, seed=1)]), columns=8)

# %%
show_images(gan.generate(48, seed=2), columns=12)

# %% [markdown]
# Many are digits, in several handwritings. Others are blurred, have grey dust around them, or are
# not digits at all. To a dense layer, two neighbouring pixels are as unrelated as any two others,
# so it has to learn each pixel of a smooth stroke separately. Chapter 3 does something about that.
#
# ### A smaller GAN
#
# How much of this is due to depth? The same training with one hidden layer of 256 units in each
# network:

# %%
small = GAN(
    build_dense_generator(100, (28, 28, 1), widths=(256,), normalize=True),
    build_dense_discriminator((28, 28, 1), widths=(256,)),
)
small.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5))
small_grid = ImageGrid(run / "dense")
small_history = small.fit(
    train.shuffled(),
    epochs=setting(40, fast=1),
    steps_per_epoch=setting(train.steps_per_epoch, fast=5),
    validation_data=validation.in_order(),
    shuffle=False,
    verbose=0,
    callbacks=[
        EpochTensorBoard(run / "dense" / "tensorboard"),
        small_grid,
        Progress(small_grid),
    ],
)
show_images(small.generate(48, seed=2), columns=12)
for title, each in (("small", small_history), ("large", history)):
    print(title, {name: round(each.history[name][-1], 2) for name in reported})

# %% [markdown]
# The strokes are there, but whole digits are rarer. Yet the numbers are nearly those of the large
# networks, because here a weaker generator plays against a weaker discriminator. **The losses of a
# GAN say how even the game is, not how good the images are.** Judge by the images; chapter 7
# measures them.
#
# ## TensorBoard
#
# Both trainings are there: the curves under *Scalars*, the 64 images of each epoch under *Images*.
# (The page is live: it works only where the notebook is running.)

# %%
show_tensorboard(run)

# %% [markdown]
# ## When it goes wrong
#
# `python -m genai_keras.train_gan` has a training doctor that watches for four illnesses of GANs.
#
# **A saturated discriminator.** It is right about every real and every generated image. Where it is
# so sure, its logit hardly differs between one image and a slightly better one, and that difference
# is all that the generator learns from. Give the discriminator a smaller learning rate, or fewer
# units.
#
# **Mode collapse.** The generator's loss asks only whether each sample, on its own, passes for
# real. Nothing in it asks two samples to differ. A generator that has found one image that works
# may make it from any noise, until the discriminator has learned that image, and then move on to
# the next. The curve `diversity` compares samples with as many real digits, which have 1 by
# definition. It takes two distances, to the nearest other sample and over all pairs, and keeps the
# smaller ratio. It falls to 0 if the generator repeats one image, or just a few. Larger batches let
# the discriminator see more at once, label smoothing keeps it from being too sure, and smaller
# learning rates give neither network time to run away.
#
# **Noise.** Neighbouring pixels of a digit are nearly equal. A generator that has not learned this,
# or has forgotten it, makes snow like that on an old television. The curve `roughness` is the mean
# squared difference of neighbours, relative to the variance of the pixels. White noise has 2, and
# these digits have 0.4.
#
# **Images unlike any real one.** All digits are on black. If a tenth of the samples are brighter at
# their border than any of 500 real digits, or as a whole, or have another contrast, the generator
# has left the data. The three curves that end in `outside` count such samples.
#
# ## What to try next
#
# 1. Build the generator with `normalize=False`, and let a classifier count the digits that it
#    makes: `load_feature_extractor("mnist5k").classify((gan.generate(2_000) + 1) / 2)`, with
#    `load_feature_extractor` from `genai_keras.evaluation.features`. In the data, each digit makes
#    up a tenth. Which ones are rare now?
# 2. Give the discriminator's Adam four times the learning rate. What do `d_real` and `d_fake` do?
#    What do the images do?
# 3. `gan.compile(..., label_smoothing=0.1)` makes 0.9 the target for real images. What is the
#    lowest value that the discriminator's loss can now reach, and what does `d_real` become?
# 4. Use `latent_dim=2`, for the network and for the noise by hand, and show
#    `gan.decode(plane(14))`, with `plane` from `genai_keras.callbacks.latents`. Does every digit
#    appear somewhere? Do neighbours resemble each other?
# 5. Do the exercises in `exercises/chapter2.ipynb`, then run
#    `python -m genai_keras.check chapter2`.
# 6. Do all this from the command line, too: `python -m genai_keras.train_gan --preset mlp`, or
#    `dense`.
