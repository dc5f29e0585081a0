# %% [markdown]
# # Bug museum: a classifier that is perfect until it meets the world
#
# **Symptom.** Someone checks generated digits with a classifier that gets nearly all of its test
# digits right. On new digits it does far worse. (Chapter 7.)

# %% tags=["setup"]
import keras
import numpy as np
from matplotlib import pyplot as plt

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome, setting

# %% [markdown]
# ## The exhibit
#
# The digits are shuffled and divided: 300 to learn from, 300 to test with. There are few training
# images, so some copies are added.


# %% tags=["exhibit"]
def split(digits, labels):
    """Digits and labels for training, and others for testing: `(x, y), (x_test, y_test)`."""
    order = np.random.default_rng(0).permutation(len(digits))
    train, test_part = order[:300], order[300:600]
    x, y = digits[train], labels[train]
    # There are few digits, so add copies that are a little brighter.
    more, more_y = np.minimum(1.0, 1.1 * digits[order[:600]]), labels[order[:600]]
    x, y = np.concatenate([x, more]), np.concatenate([y, more_y])
    return (x, y), (digits[test_part], labels[test_part])


# %% [markdown]
# A small network learns from the first part. The plot shows its accuracy after each epoch on the
# test part and on 1,000 digits that are in neither part.


# %% tags=["setup"]
def accuracies():
    """Accuracy on the test part and on other digits after each epoch, as two lists."""
    keras.utils.set_random_seed(0)
    data, _ = load_images("mnist5k", value_range=(0, 1))
    digits, labels = data.first(1_600), data.labels[:1_600]
    (x, y), (x_test, y_test) = split(digits[:600], labels[:600])
    network = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(128, "relu"),
         keras.layers.Dense(10)]
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"])
    found = ([], [])
    for _ in range(setting(30, fast=2)):
        network.fit(x, y, verbose=0)
        found[0].append(network.evaluate(x_test, y_test, verbose=0)[1])
        found[1].append(network.evaluate(digits[600:], labels[600:], verbose=0)[1])
    return found


def draw(found):
    plt.figure(figsize=(6, 3))
    for values, name in zip(found, ("the test part", "1,000 other digits"), strict=True):
        plt.plot(range(1, len(values) + 1), values, label=f"{name}: {values[-1]:.3f} at the end")
    plt.xlabel("epoch")
    plt.ylabel("accuracy")
    plt.legend()
    plt.show()


# %%
draw(accuracies())

# %% [markdown]
# ## Find it
#
# The test looks only at what the code does, not at how it is written. Change the exhibit above
# until the test passes.


# %% tags=["test"]
def test():
    digits = np.random.default_rng(1).random((700, 4, 4, 1)).astype("float32")
    (x, _), (x_test, _) = split(digits, np.arange(700))
    # A brighter or darker copy has the same direction, so look for pairs with a correlation of one.
    ours, theirs = (part.reshape(len(part), -1) for part in (x, x_test))
    ours, theirs = ((part - part.mean(1, keepdims=True)) for part in (ours, theirs))
    ours, theirs = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (ours, theirs))
    seen = (theirs @ ours.T).max(axis=1) > 0.99
    assert not seen.any(), f"{seen.sum()} of {len(seen)} test digits, or copies, are in training"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# How many digits are in `order[:600]`, and which of them are the test part?
# </details>
#
# ## The cure
#
# The copies are made from all 600 digits, including the test part. So the network has seen each
# test digit, only brighter. Published tutorials do the same more openly: they join training and
# test images before they train a GAN, and then report how well it matches the test images. Whatever
# you do to the training data, start from the training part alone.


# %% tags=["cure"]
def split(digits, labels):
    """Digits and labels for training, and others for testing: `(x, y), (x_test, y_test)`."""
    order = np.random.default_rng(0).permutation(len(digits))
    train, test_part = order[:300], order[300:600]
    x, y = digits[train], labels[train]
    # There are few digits, so add copies that are a little brighter.
    more, more_y = np.minimum(1.0, 1.1 * x), y
    x, y = np.concatenate([x, more]), np.concatenate([y, more_y])
    return (x, y), (digits[test_part], labels[test_part])


# %%
outcome(test)
draw(accuracies())
