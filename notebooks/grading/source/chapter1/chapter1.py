# %% [markdown]
# # Exercises of chapter 1: regression
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter1` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np
from scipy import special

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. A dense layer
#
# Each unit takes a weighted sum of its inputs and adds a bias: $h = xW + b$. The activation is a
# leaky ReLU with slope 0.2, as in the dense GANs of this package: $h$ where $h > 0$, and $0.2\,h$
# elsewhere.


# %% nbgrader={"grade": false, "grade_id": "dense_layer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def dense_layer(x, kernel, bias):
    """A dense layer followed by a leaky ReLU with slope 0.2.

    Args:
        x: `(batch, inputs)`.
        kernel: `(inputs, units)`.
        bias: `(units,)`.

    Returns:
        `(batch, units)`.
    """
    ### BEGIN SOLUTION
    h = x @ kernel + bias  # (batch, units)
    return np.where(h > 0, h, 0.2 * h)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_dense_layer", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(dense_layer)
# 1 * 3 + 2 * 1 + 1 = 6 is positive and stays 6; 1 * 1 + 2 * (-4) + 2 = -5 becomes -1.
kernel, bias = np.array([[3.0, 1.0], [1.0, -4.0]]), np.array([1.0, 2.0])
output = dense_layer(np.array([[1.0, 2.0]]), kernel, bias)
np.testing.assert_allclose(output, [[6.0, -1.0]], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(dense_layer, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What regression minimizes
#
# Return the mean of $(\mathrm{target} - \mathrm{prediction})^2$ over the batch. Watch the shapes: a
# network whose last layer has one unit returns `(batch, 1)`, but the targets are `(batch,)`.
# `keras.losses.MeanSquaredError` removes that last axis for you. NumPy does not.


# %% nbgrader={"grade": false, "grade_id": "mean_squared_error", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mean_squared_error(targets, predictions):
    """The mean of (target - prediction)^2.

    Args:
        targets: `(batch,)`.
        predictions: `(batch, 1)`.

    Returns:
        One number.
    """
    ### BEGIN SOLUTION
    return np.mean((targets - predictions[:, 0]) ** 2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_mean_squared_error", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(mean_squared_error)
# The errors are 1, 0 and -2: (1 + 0 + 4) / 3.
error = mean_squared_error(np.array([3.0, 1.0, 2.0]), np.array([[2.0], [1.0], [4.0]]))
np.testing.assert_allclose(error, 5 / 3, rtol=1e-5)
# Perfect predictions cost nothing, even though the targets differ from each other.
error = mean_squared_error(np.array([1.0, 2.0]), np.array([[1.0], [2.0]]))
np.testing.assert_allclose(error, 0.0, atol=1e-6)
### BEGIN HIDDEN TESTS
assert check(mean_squared_error, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. How likely a point is
#
# The points on the line come from a mixture of Gaussians with weights $w_k$, means $\mu_k$ and
# standard deviations $\sigma_k$:
# $$\log p(x) = \log \sum_k w_k\, \mathcal N(x; \mu_k, \sigma_k^2), \qquad
# \mathcal N(x; \mu, \sigma^2) = \frac{1}{\sigma \sqrt{2 \pi}}\,
# e^{-\frac{(x - \mu)^2}{2 \sigma^2}}$$
# Far from all modes, `exp` gives 0, and the logarithm of 0 is infinite. So keep each term as a
# logarithm and add the terms with `special.logsumexp`, which stays finite.


# %% nbgrader={"grade": false, "grade_id": "mixture_log_density", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mixture_log_density(x, weights, means, deviations):
    """log p(x) of points under a mixture of Gaussians, in nats; finite however far away they are.

    Args:
        x: `(points,)`.
        weights, means, deviations: `(modes,)`.

    Returns:
        `(points,)`.
    """
    ### BEGIN SOLUTION
    squares = ((x[:, None] - means) / deviations) ** 2  # (points, modes)
    terms = np.log(weights) - np.log(deviations) - 0.5 * np.log(2 * np.pi) - 0.5 * squares
    return special.logsumexp(terms, axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_mixture_log_density", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(mixture_log_density)
# Halfway between two equal modes, 1 away from each, the density is that of one Gaussian 1 away.
weights, means, deviations = np.array([0.5, 0.5]), np.array([-1.0, 1.0]), np.array([1.0, 1.0])
log_density = mixture_log_density(np.array([0.0]), weights, means, deviations)
np.testing.assert_allclose(log_density, [-0.5 * np.log(2 * np.pi) - 0.5], rtol=1e-5)
# 100 away from the nearer mode, only that mode counts: 100^2 / 2 nats below its weighted peak.
far = mixture_log_density(np.array([101.0]), weights, means, deviations)
np.testing.assert_allclose(far, [np.log(0.5) - 0.5 * np.log(2 * np.pi) - 5000.0], rtol=1e-6)
### BEGIN HIDDEN TESTS
assert check(mixture_log_density, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. How far samples are from the data
#
# The Wasserstein-1 distance between two equally large sets of numbers is how far a number must
# move, on average, when one set is turned into the other with as little movement as possible. On a
# line this is simple: the smallest number goes to the smallest, the next to the next, and so on.


# %% nbgrader={"grade": false, "grade_id": "wasserstein_distance", "locked": false, "schema_version": 3, "solution": true, "task": false}
def wasserstein_distance(samples, others):
    """The Wasserstein-1 distance between two sets of numbers, in their own units.

    Args:
        samples, others: `(n,)`, in any order.

    Returns:
        One number.
    """
    ### BEGIN SOLUTION
    return np.mean(np.abs(np.sort(samples) - np.sort(others)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_wasserstein_distance", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(wasserstein_distance)
# These are the same numbers in another order, so nothing has to move.
none = wasserstein_distance(np.array([2.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0]))
np.testing.assert_allclose(none, 0.0, atol=1e-6)
# 0 goes to -1, 1 stays, and 3 goes to 6: (1 + 0 + 3) / 3.
some = wasserstein_distance(np.array([3.0, 0.0, 1.0]), np.array([-1.0, 6.0, 1.0]))
np.testing.assert_allclose(some, 4 / 3, rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(wasserstein_distance, seed=314)
### END HIDDEN TESTS
