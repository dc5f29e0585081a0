# %% [markdown]
# # Bug museum: a translation that depends on the rest of the batch
#
# **Symptom.** A translator gives one answer for a sentence on its own, and another for the same
# sentence in a batch with a longer one. (Chapters 5 and 6.)

# %% tags=["setup"]
import numpy as np
from matplotlib import pyplot as plt

from genai_keras.course.notebook import outcome

# %% [markdown]
# ## The exhibit
#
# In cross-attention, each position of the translation looks at the source sentence. Both sentences
# are padded to the longest of their batch, and padding is masked.


# %% tags=["exhibit"]
def attend(query, source, source_is_token, target_is_token):
    """What each target position reads from the source, and its attention weights.

    Args:
        query: (targets, width).
        source: (sources, width), used both as keys and as values.
        source_is_token, target_is_token: bool, False at padding.
    """
    scores = query @ source.T / np.sqrt(query.shape[-1])  # (targets, sources)
    scores = np.where(target_is_token[:, None], scores, -1e9)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights @ source, weights


# %% [markdown]
# The source has 4 tokens and 4 positions of padding; the target has 6 tokens and 2 positions of
# padding. How much does each target position look at each source position?


# %% tags=["setup"]
def example(padding, seed=0):
    """A query, a source, and which of their positions are tokens; the source has 4 tokens."""
    rng = np.random.default_rng(seed)
    query, source = rng.normal(size=(8, 16)), np.zeros((4 + padding, 16))
    source[:4] = rng.normal(size=(4, 16))
    source[4:] = 0.3 * rng.normal(size=(padding, 16))  # the embedding of the padding token
    return query, source, np.arange(4 + padding) < 4, np.arange(8) < 6


def draw():
    _, weights = attend(*example(padding=4))
    plt.figure(figsize=(4, 3.4))
    plt.imshow(weights, cmap="viridis", vmin=0)
    plt.axvline(3.5, color="red")
    plt.text(4.6, -0.8, "padding", color="red")
    plt.xlabel("source position")
    plt.ylabel("target position (6, 7: padding)")
    plt.colorbar(label="weight")
    plt.show()


# %%
draw()

# %% [markdown]
# ## Find it
#
# The test looks only at what the code does, not at how it is written. Change the exhibit above
# until the test passes.


# %% tags=["test"]
def test():
    for padding in (1, 5):
        query, source, source_is_token, target_is_token = example(padding)
        read, _ = attend(query, source, source_is_token, target_is_token)
        alone, _ = attend(query, source[:4], source_is_token[:4], target_is_token)
        change = np.abs(read - alone)[target_is_token].max()
        assert change < 1e-9, f"padding of {padding} changes what is read by {change:.2f}"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# The softmax runs along the rows. What does a mask do if it is the same for a whole row?
# </details>
#
# ## The cure
#
# The mask of the *target* is applied to the scores, one whole row at a time. In a row whose scores
# are all -1e9, the softmax is uniform. In the other rows nothing is masked at all. So the padding
# of the source gets weight, and the longer the padding, the more weight it gets. In cross-attention
# the keys come from the source, so the mask must be that of the source, along the keys. What a
# padded *target* position reads does not matter, because the loss leaves it out.


# %% tags=["cure"]
def attend(query, source, source_is_token, target_is_token):
    """What each target position reads from the source, and its attention weights.

    Args:
        query: (targets, width).
        source: (sources, width), used both as keys and as values.
        source_is_token, target_is_token: bool, False at padding.
    """
    scores = query @ source.T / np.sqrt(query.shape[-1])  # (targets, sources)
    scores = np.where(source_is_token[None, :], scores, -1e9)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights @ source, weights


# %%
outcome(test)
draw()
