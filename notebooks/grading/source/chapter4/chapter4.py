# %% [markdown]
# # Exercises of chapter 4: the variational autoencoder
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter4` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. A sample that gradients flow through
#
# The encoder gives a mean and a log-variance. `noise` is already drawn from N(0, 1). Return a z
# that is distributed as N(mean, variance).


# %% nbgrader={"grade": false, "grade_id": "reparameterize", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reparameterize(mean, log_variance, noise):
    """A sample from N(mean, exp(log_variance)), made from noise drawn from N(0, 1).

    Args:
        mean, log_variance, noise: arrays `(batch, latents)`.

    Returns:
        z, `(batch, latents)`.
    """
    ### BEGIN SOLUTION
    return mean + np.exp(log_variance / 2) * noise
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_reparameterize", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(reparameterize)
# A variance of 4 is a standard deviation of 2, so one unit of noise moves z by 2.
z = reparameterize(np.array([[1.0]]), np.log(np.array([[4.0]])), np.array([[1.0]]))
np.testing.assert_allclose(z, [[3.0]])
### BEGIN HIDDEN TESTS
assert check(reparameterize, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What a code costs
#
# Return the divergence KL(N(mean, variance) || N(0, 1)) of a whole code, in nats. For N(0, 1)
# itself it is 0.


# %% nbgrader={"grade": false, "grade_id": "gaussian_kl", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gaussian_kl(mean, log_variance):
    """KL(N(mean, exp(log_variance)) || N(0, 1)), summed over latents, in nats.

    Args:
        mean, log_variance: arrays `(batch, latents)`.

    Returns:
        `(batch,)`.
    """
    ### BEGIN SOLUTION
    return 0.5 * np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_gaussian_kl", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(gaussian_kl)
# N(0, 1) costs nothing; a mean that is off by 2 costs 2^2 / 2 = 2 nats.
kl = gaussian_kl(np.array([[0.0, 0.0], [2.0, 0.0]]), np.zeros((2, 2)))
np.testing.assert_allclose(kl, [0.0, 2.0])
### BEGIN HIDDEN TESTS
assert check(gaussian_kl, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. How well an image is reconstructed
#
# Each pixel is black (0) or white (1). The decoder gives one logit per pixel; its sigmoid is the
# probability of white. Return -log p(x) for each image. Logits may be large, so do not take the
# logarithm of a sigmoid.


# %% nbgrader={"grade": false, "grade_id": "bernoulli_nll", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bernoulli_nll(x, logits):
    """-log p(x) of binary images, summed over pixels, in nats.

    Args:
        x: `(batch, height, width, 1)`, zeros and ones.
        logits: the same shape.

    Returns:
        `(batch,)`.
    """
    ### BEGIN SOLUTION
    return np.sum(np.logaddexp(0.0, logits) - x * logits, axis=(1, 2, 3))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_bernoulli_nll", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(bernoulli_nll)
# A logit of 0 is a fair coin: log 2 per pixel, whether it is black or white.
x = np.array([0.0, 1.0, 1.0, 0.0]).reshape(1, 2, 2, 1)
np.testing.assert_allclose(bernoulli_nll(x, np.zeros((1, 2, 2, 1))), [4 * np.log(2)])
### BEGIN HIDDEN TESTS
assert check(bernoulli_nll, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The density of a Gaussian
#
# Chapter 7 weights samples of z by the densities that they were drawn from. Return log N(z; mean,
# variance) of the whole vector, including all constants.


# %% nbgrader={"grade": false, "grade_id": "gaussian_log_density", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gaussian_log_density(z, mean, log_variance):
    """log N(z; mean, exp(log_variance)) with a diagonal covariance, in nats.

    Args:
        z, mean, log_variance: arrays `(batch, latents)`.

    Returns:
        `(batch,)`.
    """
    ### BEGIN SOLUTION
    squares = (z - mean) ** 2 / np.exp(log_variance)
    return -0.5 * np.sum(np.log(2 * np.pi) + log_variance + squares, axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_gaussian_log_density", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(gaussian_log_density)
# The density of N(0, 1) is 1 / sqrt(2 pi) at its peak.
peak = gaussian_log_density(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)))
np.testing.assert_allclose(peak, [-0.5 * np.log(2 * np.pi)])
### BEGIN HIDDEN TESTS
assert check(gaussian_log_density, seed=314)
### END HIDDEN TESTS
