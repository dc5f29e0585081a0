# %% [markdown]
# # Bug museum: a likelihood that is not one
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/bugs/grey_nats.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/bugs/grey_nats.ipynb)
#
# **Symptom.** A VAE of grey pictures reports a log-likelihood in nats. Add up the probabilities of all that a pixel can be, and half or more is missing. (Chapters 4
# and 7.)

# %%
# On Colab and Binder this installs genai_keras; anywhere else it does nothing.
import os
import sys

if "google.colab" in sys.modules or "BINDER_SERVICE_HOST" in os.environ:
    import subprocess

    address = "git+https://github.com/genai-keras/genai_keras"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

import genai_keras.cli.quiet  # TensorFlow starts without its notes on this machine

# %% tags=["setup"]
import numpy as np
from matplotlib import pyplot as plt

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome

# %% [markdown]
# ## The exhibit
#
# Minus the binary cross-entropy of a grey pixel x in [0, 1], given the decoder's logit for it. Summed over pixels, it is
# reported as the log-likelihood of a picture, in nats.


# %% tags=["exhibit"]
def log_likelihood(x, logits):
    """Log-likelihood of grey pixels x in [0, 1], element by element."""
    return x * logits - np.logaddexp(0, logits)


# %% [markdown]
# A likelihood of a pixel that may be any grey is a density. Left: exp of the function above, for five logits. Right: the area
# below such a curve, which is the total probability of all greys, for any logit. The line printed is what a very small model
# has for digits it was not fitted to: one logit a pixel, from the mean of the training digits.
# (To hold all greys for equally likely has exactly 0 nats.)


# %% tags=["setup"]
GREYS = (np.arange(2_000) + 0.5) / 2_000  # middles of 2,000 equal parts of [0, 1]


def total_probability(logit):
    """The integral of exp(log_likelihood) over all greys."""
    return float(np.mean(np.exp(log_likelihood(GREYS, np.float64(logit)))))


def draw():
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
    for logit in (-5, -2, 0, 1, 3):
        density = np.exp(log_likelihood(GREYS, np.float64(logit)))
        left.plot(GREYS, density, label=f"logit {logit}: area {total_probability(logit):.2f}")
    left.set(xlabel="grey of the pixel", ylabel="density", ylim=(0, None))
    left.legend(fontsize=8)
    logits = np.linspace(-10, 10, 101)
    right.plot(logits, [total_probability(logit) for logit in logits])
    right.axhline(1, color="black", linewidth=0.7, linestyle="--")
    right.set(xlabel="logit", ylabel="total probability", ylim=(0, 1.2))
    plt.tight_layout()
    plt.show()
    train, validation = load_images("mnist5k", value_range=(0, 1))
    mean = np.clip(np.mean(train.first(4_000), axis=0), 0.001, 0.999)  # (28, 28, 1)
    each = log_likelihood(validation.first(400), np.log(mean / (1 - mean)))  # (400, 28, 28, 1)
    print(f"log-likelihood of a digit: {np.sum(each, axis=(1, 2, 3)).mean():.0f} nats")


# %%
draw()

# %% [markdown]
# ## Find it
#
# The test knows one thing about every density. Change the exhibit above until it passes.


# %% tags=["test"]
def test():
    totals = {logit: total_probability(logit) for logit in (-8.0, -1.0, 0.0, 0.3, 5.0)}
    worst = max(totals, key=lambda logit: abs(totals[logit] - 1))
    seen = f"at the logit {worst:g}, all greys together have the probability {totals[worst]:.2f}"
    assert abs(totals[worst] - 1) < 1e-3, seen


# %%
outcome(test)

# %% [markdown]
# <details><summary>A hint</summary>
# Integrate exp(x l) / (1 + exp(l)) over x from 0 to 1.
# </details>
#
# ## The cure
#
# Binary cross-entropy is the likelihood of a pixel that is 0 *or* 1: those two have probabilities that add up to 1. As a
# density over all greys it integrates to tanh(l/2) / l, which is 1/2 at most. So the number was no log-likelihood, and
# cannot be compared with that of a model whose density is one. Dividing by the integral gives the continuous
# Bernoulli distribution (Loaiza-Ganem and Cunningham, 2019). The normaliser depends on the logit, so it changes what a model learns, too,
# and the mean of this distribution is not sigmoid(l). That a digit has a positive log-likelihood now is no mistake: a density may be
# above 1, and for pixels that are surely black it is.
#
# (The other cure leaves the function alone: draw each pixel 0 or 1 with its grey as the probability, as the option `binarize=True` of
# `load_images` does. The result is in nats, but of binary pictures: not to be compared with those of grey ones.)


# %% tags=["cure"]
def log_likelihood(x, logits):
    """Log-likelihood of grey pixels x in [0, 1], element by element."""
    near_zero = np.abs(logits) < 1e-3  # there the quotient below is 0 / 0
    safe = np.where(near_zero, 1.0, logits)
    log_normaliser = np.where(near_zero, np.log(2.0), np.log(safe / np.tanh(safe / 2)))
    return x * logits - np.logaddexp(0, logits) + log_normaliser


# %%
outcome(test)
draw()
