# %% [markdown]
# # Bug museum: a loss that falls below zero and never stops
#
# **Symptom.** A GAN's discriminator is trained with a little noise on its labels, which is known to
# help. Its loss goes below zero, which no cross-entropy should do. Its logits grow for as long as
# it trains. (Chapter 2.)

# %% tags=["setup"]
import keras
import numpy as np
import tensorflow as tf
from keras import ops
from matplotlib import pyplot as plt

from genai_keras.data.toy import load_mixture
from genai_keras.course.notebook import outcome, setting

# %% [markdown]
# ## The exhibit
#
# Real samples have the label 1 and generated ones the label 0. A little noise is added to each
# label.


# %% tags=["exhibit"]
def discriminator_loss(real_logits, fake_logits):
    """Binary cross-entropy with noisy labels; logits (batch, 1)."""
    labels = ops.concatenate([ops.ones_like(real_logits), ops.zeros_like(fake_logits)], axis=0)
    labels = labels + 0.1 * keras.random.uniform(ops.shape(labels))
    logits = ops.concatenate([real_logits, fake_logits], axis=0)
    return ops.mean(keras.losses.binary_crossentropy(labels, logits, from_logits=True))


# %% [markdown]
# A discriminator learns to tell the points of a mixture from those of a Gaussian with mean 0 and
# standard deviation 0.5. The two overlap, and a good discriminator is unsure where they do.


# %% tags=["setup"]
def train_discriminator():
    """The loss and the largest logit of a real sample at each step."""
    keras.utils.set_random_seed(0)
    discriminator = keras.Sequential(
        [
            keras.Input((1,)),
            *(keras.layers.Dense(64, "relu") for _ in range(2)),
            keras.layers.Dense(1),
        ]
    )
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(discriminator.trainable_variables)

    @tf.function
    def step(real):
        fake = 0.5 * keras.random.normal(ops.shape(real))
        with tf.GradientTape() as tape:
            real_logits = discriminator(real)
            loss = discriminator_loss(real_logits, discriminator(fake))
        variables = discriminator.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, ops.max(real_logits)

    train, _ = load_mixture(128)
    batches = train.shuffled().take(setting(4_000, fast=100))
    return np.array([step(real) for real in batches])  # (steps, 2)


def draw(steps):
    _, axes = plt.subplots(1, 2, figsize=(9, 3))
    for axis, values, name in zip(axes, steps.T, ("loss", "largest logit"), strict=True):
        axis.plot(values, linewidth=0.7)
        axis.set(xlabel="step", title=name)
    axes[0].axhline(0, color="black", linewidth=0.7)
    plt.tight_layout()
    plt.show()


# %%
draw(train_discriminator())

# %% [markdown]
# ## Find it
#
# The test looks only at what the code does, not at how it is written. Change the exhibit above
# until the test passes.


# %% tags=["test"]
def test():
    # However sure the discriminator is of real samples, its loss must not fall without end.
    keras.utils.set_random_seed(0)
    sure = [
        float(discriminator_loss(tf.fill((512, 1), size), tf.zeros((512, 1))))
        for size in (10.0, 100.0, 1000.0)
    ]
    assert min(sure) >= 0, f"the loss of ever surer logits is {np.round(sure, 2)}: below zero"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Print the labels of the real samples. Which of them are probabilities?
# </details>
#
# ## The cure
#
# The noise is also added to the ones, so their targets lie between 1 and 1.1, and no probability
# reaches them. With a target of 1.05, the cross-entropy is softplus(-l) - 0.05 l for a logit l. It
# falls for ever as l grows. The generator learns from a judge that becomes ever steeper and ever
# less reliable. Noise must keep targets in [0, 1]. Only real labels should be smoothed: a target
# above 0 for a generated sample would reward the generator for its present errors.


# %% tags=["cure"]
def discriminator_loss(real_logits, fake_logits):
    """Binary cross-entropy with noisy labels; logits (batch, 1)."""
    labels = ops.concatenate([ops.ones_like(real_logits), ops.zeros_like(fake_logits)], axis=0)
    labels = labels * (1.0 - 0.1 * keras.random.uniform(ops.shape(labels)))
    logits = ops.concatenate([real_logits, fake_logits], axis=0)
    return ops.mean(keras.losses.binary_crossentropy(labels, logits, from_logits=True))


# %%
outcome(test)
draw(train_discriminator())
