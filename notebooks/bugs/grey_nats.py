# %% [markdown]
# # Bug museum: a likelihood that is not a likelihood
#
# **Symptom.** A VAE for grey images reports a log-likelihood in nats. Add up the probabilities of
# all the values that a pixel can take, and half or more is missing. (Chapters 4 and 7.)

# %% tags=["setup"]
import numpy as np
from matplotlib import pyplot as plt

from genai_keras.data.images import load_images
from genai_keras.course.notebook import outcome

# %% [markdown]
# ## The exhibit
#
# The function is minus the binary cross-entropy of a grey pixel x in [0, 1], given the decoder's
# logit for it. Its sum over pixels is reported as the log-likelihood of an image, in nats.


# %% tags=["exhibit"]
def log_likelihood(x, logits):
    """Log-likelihood of grey pixels x in [0, 1], elementwise."""
    return x * logits - np.logaddexp(0, logits)


# %% [markdown]
# If a pixel may be any grey, its likelihood is a density. Left: exp of the function above, for five
# logits. Right: the area under such a curve for any logit, which is the total probability of all
# greys. The printed line is the result of a very small model for digits that it was not fitted to:
# one logit per pixel, from the mean of the training digits. (A model in which all greys are equally
# likely has exactly 0 nats.)


# %% tags=["setup"]
GREYS = (np.arange(2_000) + 0.5) / 2_000  # midpoints of 2,000 equal parts of [0, 1]


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
# The test checks a property of every density. Change the exhibit above until the test passes.


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
# Binary cross-entropy is the negative log-likelihood of a pixel that is 0 *or* 1: the probabilities
# of these two values add up to 1. As a density over all greys, it integrates to tanh(l/2) / l,
# which is at most 1/2. So the number was not a log-likelihood, and it cannot be compared with that
# of a model whose density integrates to 1. Dividing by the integral gives the continuous Bernoulli
# distribution (Loaiza-Ganem and Cunningham, 2019). The normaliser depends on the logit, so it also
# changes what a model learns. The mean of this distribution is not sigmoid(l). It is no mistake
# that a digit now has a positive log-likelihood: a density may be above 1, and for pixels that are
# surely black it is.
#
# (The other cure leaves the function alone. It draws each pixel as 0 or 1, with its grey as the
# probability of 1, as the option `binarize=True` of `load_images` does. The result is in nats, but
# for binary images, so it cannot be compared with results for grey ones.)


# %% tags=["cure"]
def log_likelihood(x, logits):
    """Log-likelihood of grey pixels x in [0, 1], elementwise."""
    near_zero = np.abs(logits) < 1e-3  # where the quotient below is 0 / 0
    safe = np.where(near_zero, 1.0, logits)
    log_normaliser = np.where(near_zero, np.log(2.0), np.log(safe / np.tanh(safe / 2)))
    return x * logits - np.logaddexp(0, logits) + log_normaliser


# %%
outcome(test)
draw()
