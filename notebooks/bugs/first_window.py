# %% [markdown]
# # Bug museum: a writer that gets stuck after a fixed number of letters
#
# **Symptom.** A language model continues a text sensibly for a while. From one position on, it
# writes the same few letters for ever. (Chapter 6.)

# %% tags=["setup"]
import collections
from pydoc_data.topics import topics

import numpy as np
from matplotlib import pyplot as plt

from genai_keras.course.notebook import outcome

# %% [markdown]
# ## The exhibit
#
# The model reads at most `context_length` tokens, so a longer text is cut before the model reads
# it.


# %% tags=["exhibit"]
def continue_tokens(next_token, prompt, max_new_tokens, context_length):
    """Appends `max_new_tokens` tokens to a prompt.

    Args:
        next_token: function of at most `context_length` tokens that returns the next one.
        prompt: a list of tokens.
    """
    tokens = list(prompt)
    for _ in range(max_new_tokens):
        seen = tokens[:context_length]
        tokens.append(next_token(seen))
    return tokens


# %% [markdown]
# The model is a table: how often each letter follows the three letters before it in Python's own
# manual. It writes 160 letters with a context length of 48. In the plot, each letter has its own
# height.


# %% tags=["setup"]
def table_of_letters(order=3):
    """A function that draws the next letter, as often as it follows in the manual."""
    text = "\n".join(topics.values())
    counts = collections.defaultdict(collections.Counter)
    for i in range(order, len(text)):
        counts[text[i - order : i]][text[i]] += 1
    rng = np.random.default_rng(0)

    def next_letter(seen):
        found = counts["".join(seen[-order:])]
        letters, often = list(found), np.array(list(found.values()), float)
        return rng.choice(letters, p=often / often.sum()) if letters else " "

    return next_letter


def draw():
    written = "".join(
        continue_tokens(table_of_letters(), list("The function "), 160, context_length=48)
    )
    letters = sorted(set(written))
    plt.figure(figsize=(9, 3))
    plt.scatter(range(len(written)), [letters.index(each) for each in written], s=5)
    plt.axvline(48, color="red", label="the context is full")
    plt.xlabel("position")
    plt.ylabel("letter")
    plt.legend(loc="lower left")
    plt.show()
    print(written)


# %%
draw()

# %% [markdown]
# ## Find it
#
# The test looks only at what the code does, not at how it is written. Change the exhibit above
# until the test passes.


# %% tags=["test"]
def test():
    # This model counts on from the last number it sees.
    written = continue_tokens(lambda seen: seen[-1] + 1, [0], max_new_tokens=20, context_length=5)
    assert written == list(range(21)), f"a model that counts writes {written}"
    lengths = []
    continue_tokens(
        lambda seen: lengths.append(len(seen)) or 0, [0], max_new_tokens=20, context_length=5
    )
    assert max(lengths) == 5, f"the model is given {max(lengths)} tokens, and takes 5"


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Which tokens does the model see when it writes the 60th token, and which when it writes the 61st?
# </details>
#
# ## The cure
#
# `tokens[:context_length]` keeps the *first* tokens. While the text is shorter than that, these are
# all of its tokens. After that the model sees the same beginning at every step, so what it writes
# no longer depends on what it has just written. It samples from one distribution for ever; a greedy
# model would repeat one letter. The next token depends on the *last* tokens.


# %% tags=["cure"]
def continue_tokens(next_token, prompt, max_new_tokens, context_length):
    """Appends `max_new_tokens` tokens to a prompt.

    Args:
        next_token: function of at most `context_length` tokens that returns the next one.
        prompt: a list of tokens.
    """
    tokens = list(prompt)
    for _ in range(max_new_tokens):
        seen = tokens[-context_length:]
        tokens.append(next_token(seen))
    return tokens


# %%
outcome(test)
draw()
