# %% [markdown]
# # Bug museum: a discriminator that cannot be trained
#
# **Symptom.** A GAN's generator has an excellent loss from the start. Its discriminator never
# learns to tell real from generated samples, and the samples do not become like the data. (Chapter
# 2.)

# %% tags=["setup"]
import keras
import numpy as np
import tensorflow as tf
from keras import ops
from matplotlib import pyplot as plt

from genai_keras.data.toy import GaussianMixture, load_mixture
from genai_keras.course.notebook import outcome, setting

# %% [markdown]
# ## The exhibit
#
# This is the generator's step. Noise goes through both networks, and the loss is the cross-entropy
# with the label "real".


# %% tags=["exhibit"]
def generator_step(generator, discriminator, optimizer, noise):
    """One update of the generator, which wants the discriminator to say 'real'."""
    gan = keras.Sequential([generator, discriminator])
    with tf.GradientTape() as tape:
        loss = ops.mean(ops.softplus(-gan(noise)))
    variables = gan.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)


# %% [markdown]
# A small GAN trains on a mixture of two Gaussians. Left: what the discriminator says about real and
# generated points during training. Right: the points generated at the end, and the true density.


# %% tags=["setup"]
def networks():
    """A generator, a discriminator, and an optimizer for each."""
    keras.utils.set_random_seed(0)
    both = [
        keras.Sequential(
            [keras.Input((size,)), *(keras.layers.Dense(64, "relu") for _ in range(2)),
             keras.layers.Dense(1)]
        )
        for size in (8, 1)
    ]  # fmt: skip
    optimizers = [keras.optimizers.Adam(1e-3, beta_1=0.5) for _ in both]
    optimizers[0].build(both[0].trainable_variables + both[1].trainable_variables)
    optimizers[1].build(both[1].trainable_variables)
    return *both, *optimizers


def train_gan():
    """The mean D(x) and D(G(z)) at each step, and 5,000 samples."""
    generator, discriminator, generator_optimizer, optimizer = networks()

    @tf.function
    def step(real):
        noise = keras.random.normal((ops.shape(real)[0], 8))
        fake = generator(noise)
        with tf.GradientTape() as tape:
            real_logits, fake_logits = discriminator(real), discriminator(fake)
            loss = ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))
        variables = discriminator.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        generator_step(generator, discriminator, generator_optimizer, noise)
        return ops.mean(ops.sigmoid(real_logits)), ops.mean(ops.sigmoid(fake_logits))

    train, _ = load_mixture(128)
    batches = train.shuffled().take(setting(4_000, fast=100))
    thoughts = np.array([step(real) for real in batches])  # (steps, 2)
    return thoughts, np.ravel(generator(np.random.default_rng(0).normal(size=(5_000, 8))))


def draw(thoughts, samples):
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
    left.plot(thoughts, linewidth=0.7, label=["D(x)", "D(G(z))"])
    left.set(xlabel="step", ylim=(0, 1))
    left.legend()
    x = np.linspace(-6, 6, 400)
    right.hist(samples, bins=np.linspace(-6, 6, 121), density=True, label="samples")
    right.plot(x, GaussianMixture().density(x), label="true density")
    right.set_title(f"Wasserstein-1 distance {GaussianMixture().wasserstein(samples):.2f}")
    right.legend()
    plt.tight_layout()
    plt.show()


# %%
draw(*train_gan())

# %% [markdown]
# ## Find it
#
# The test looks only at what the code does, not at how it is written. Change the exhibit above
# until the test passes.


# %% tags=["test"]
def test():
    generator, discriminator, optimizer, _ = networks()
    before = [each.get_weights() for each in (generator, discriminator)]
    generator_step(generator, discriminator, optimizer, keras.random.normal((16, 8), seed=1))
    moved = [
        max(np.abs(a - b).max() for a, b in zip(each.get_weights(), old, strict=True))
        for each, old in zip((generator, discriminator), before, strict=True)
    ]
    assert moved[0] > 0, "the generator has not moved"
    assert moved[1] == 0, f"the discriminator's weights have moved, too, by up to {moved[1]:.4f}"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Whose weights are in `gan.trainable_variables`?
# </details>
#
# ## The cure
#
# `gan` contains both networks, so the step moves the discriminator's weights as well. It moves them
# in the direction that makes the discriminator call generated points real. One half of the
# discriminator's training undoes the other. The generator's step must move the generator alone.
# (Setting `discriminator.trainable = False` also removes the discriminator's variables from
# `gan.trainable_variables`. But it removes them from the discriminator's own list too, so its own
# step would train nothing. It is clearer to name the variables that you mean.)


# %% tags=["cure"]
def generator_step(generator, discriminator, optimizer, noise):
    """One update of the generator, which wants the discriminator to say 'real'."""
    gan = keras.Sequential([generator, discriminator])
    with tf.GradientTape() as tape:
        loss = ops.mean(ops.softplus(-gan(noise)))
    variables = generator.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)


# %%
outcome(test)
draw(*train_gan())
