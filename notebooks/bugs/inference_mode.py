# %% [markdown]
# # Bug museum: a generator whose normalization normalizes nothing
#
# **Symptom.** A GAN has batch normalization in its generator, yet it trains like a GAN without it.
# For a long time its samples are alike, whatever the noise. (Chapter 3.)

# %% tags=["setup"]
import keras
import numpy as np
import tensorflow as tf
from keras import ops

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome, setting, show_images

# %% [markdown]
# ## The exhibit
#
# This is one training step of a GAN, written as a function of the two networks.


# %% tags=["exhibit"]
def train_step(generator, discriminator, generator_optimizer, discriminator_optimizer, real):
    """One step of both networks of a GAN; returns the discriminator's loss."""
    noise = keras.random.normal((ops.shape(real)[0], 32))
    with tf.GradientTape(persistent=True) as tape:
        fake = generator(noise)
        real_logits = discriminator(real, training=True)
        fake_logits = discriminator(fake, training=True)
        generator_loss = ops.mean(ops.softplus(-fake_logits))
        loss = ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))
    for network, optimizer, value in (
        (discriminator, discriminator_optimizer, loss),
        (generator, generator_optimizer, generator_loss),
    ):
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)
    return loss


# %% [markdown]
# A generator of three dense layers with batch normalization learns small digits. Each row is one
# moment of the training, from a quarter of it to the end. The columns are 16 draws of the noise.


# %% tags=["setup"]
def networks(side, widths):
    """A generator with batch normalization, a discriminator, and an optimizer for each."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((32,))]
    for width in widths:
        layers += [
            keras.layers.Dense(width, use_bias=False, kernel_initializer=small()),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
        ]
    layers += [keras.layers.Dense(side**2, "tanh", kernel_initializer=small())]
    generator = keras.Sequential([*layers, keras.layers.Reshape((side, side, 1))])
    discriminator = keras.Sequential(
        [
            keras.Input((side, side, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(256),
            keras.layers.LeakyReLU(0.2),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(128),
            keras.layers.LeakyReLU(0.2),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )
    optimizers = [keras.optimizers.Adam(5e-4, beta_1=0.5) for _ in range(2)]
    for network, optimizer in zip((generator, discriminator), optimizers, strict=True):
        optimizer.build(network.trainable_variables)
    return generator, discriminator, *optimizers


def small():
    """The DCGAN paper's initial weights: batch normalization makes up for their small size."""
    return keras.initializers.RandomNormal(stddev=0.02)


def samples():
    """Images generated from 16 draws of the noise at four moments of the training."""
    generator, discriminator, *optimizers = networks(14, [256] * 3)
    step = tf.function(lambda real: train_step(generator, discriminator, *optimizers, real))
    train, _ = load_images("mnist5k", batch_size=64, image_size=14)
    noise = np.random.default_rng(0).normal(size=(16, 32)).astype("float32")
    steps, shown = setting(1_600, fast=40), []
    for number, real in enumerate(train.shuffled().take(steps), start=1):
        step(real)
        if number % (steps // 4) == 0:
            shown.append(np.array(generator(noise)))
    return np.concatenate(shown)


def draw():
    show_images(samples(), columns=16)


# %%
draw()

# %% [markdown]
# ## Find it
#
# The test looks at what a step must leave behind. Change the exhibit above until the test passes.


# %% tags=["test"]
def test():
    generator, discriminator, *optimizers = networks(4, [8])
    before = [np.array(each) for each in generator.non_trainable_variables]
    for seed in range(3):
        real = keras.random.normal((16, 4, 4, 1), seed=seed)
        train_step(generator, discriminator, *optimizers, real)
    after = [np.array(each) for each in generator.non_trainable_variables]
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert all(moved), "after three steps the running mean and variance are still 0 and 1"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Call a `BatchNormalization` layer on `10 * x`, with and without `training=True`. What comes out?
# </details>
#
# ## The cure
#
# A network that you call by hand is in inference mode unless you say otherwise. In this mode batch
# normalization uses its running mean and variance. These are 0 and 1 until a training pass changes
# them, so the layer does nothing. Small weights then make each layer's output smaller than the one
# before, and after three layers the noise hardly shows. `fit` passes `training=True` to an ordinary
# model for you. In a `train_step` of your own, you have to pass it yourself.


# %% tags=["cure"]
def train_step(generator, discriminator, generator_optimizer, discriminator_optimizer, real):
    """One step of both networks of a GAN; returns the discriminator's loss."""
    noise = keras.random.normal((ops.shape(real)[0], 32))
    with tf.GradientTape(persistent=True) as tape:
        fake = generator(noise, training=True)
        real_logits = discriminator(real, training=True)
        fake_logits = discriminator(fake, training=True)
        generator_loss = ops.mean(ops.softplus(-fake_logits))
        loss = ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))
    for network, optimizer, value in (
        (discriminator, discriminator_optimizer, loss),
        (generator, generator_optimizer, generator_loss),
    ):
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)
    return loss


# %%
outcome(test)
draw()
