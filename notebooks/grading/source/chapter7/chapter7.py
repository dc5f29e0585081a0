# %% [markdown]
# # Exercises of chapter 7: evaluation
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter7` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np
from scipy import linalg, special

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. The Fréchet distance
#
# A network computes features of real and of generated images, and a Gaussian is fitted to each of
# the two sets. The distance between the Gaussians is
# $$|m_1 - m_2|^2 + \mathrm{tr}\left(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\right)$$
# The square root of a matrix $A$ is a matrix whose matrix product with itself is $A$;
# `linalg.sqrtm` computes it. Rounding may leave an imaginary part that is nearly 0: take the real
# part.


# %% nbgrader={"grade": false, "grade_id": "frechet_distance", "locked": false, "schema_version": 3, "solution": true, "task": false}
def frechet_distance(mean, covariance, other_mean, other_covariance):
    """The Fréchet distance between two Gaussians, in the square of the features' unit.

    Args:
        mean, other_mean: `(features,)`.
        covariance, other_covariance: `(features, features)`.

    Returns:
        One number.
    """
    ### BEGIN SOLUTION
    common = np.real(linalg.sqrtm(covariance @ other_covariance))
    squares = np.sum((mean - other_mean) ** 2)
    return squares + np.trace(covariance + other_covariance - 2 * common)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_frechet_distance", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(frechet_distance)
# In one dimension it is the squared distance between the means plus that between the standard
# deviations. Here the means are 3 apart, and the standard deviations are 1 and 2: 9 + 1 = 10.
distance = frechet_distance(np.array([0.0]), np.array([[1.0]]), np.array([3.0]), np.array([[4.0]]))
np.testing.assert_allclose(distance, 10.0, rtol=1e-5)
# Without correlations, the dimensions add up. The standard deviations are 1 and 2 in the first
# dimension, 3 and 1 in the second: (1 - 2)^2 + (3 - 1)^2 = 5.
distance = frechet_distance(np.zeros(2), np.diag([1.0, 9.0]), np.zeros(2), np.diag([4.0, 1.0]))
np.testing.assert_allclose(distance, 5.0, rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(frechet_distance, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. A tighter bound than the ELBO
#
# A VAE's probability of an image is an integral over all $z$. Draw $z_1, \dots, z_k$ from
# $q(z\mid x)$ and weight each sample by $w_i = p(x, z_i) / q(z_i\mid x)$. The mean of the weights
# estimates $p(x)$ without bias. On average its logarithm, $\log \frac1k \sum_i w_i$, is a lower
# bound of $\log p(x)$. You are given the *logarithms* of the weights. They may be around -2,000,
# where `exp` gives 0. Subtract the maximum of an image's log weights before `exp` and add it back
# after the logarithm, or use `special.logsumexp`.


# %% nbgrader={"grade": false, "grade_id": "importance_weighted_bound", "locked": false, "schema_version": 3, "solution": true, "task": false}
def importance_weighted_bound(log_weights):
    """The logarithm of the mean weight of each image, in nats.

    Args:
        log_weights: `(k, batch)`, from k samples of z for each image.

    Returns:
        `(batch,)`.
    """
    ### BEGIN SOLUTION
    return special.logsumexp(log_weights, axis=0) - np.log(len(log_weights))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_importance_weighted_bound", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(importance_weighted_bound)
# The mean of the weights 1 and 3 is 2. If the weights are e^2000 times smaller, so is their mean.
log_weights = np.log(np.array([[1.0], [3.0]]))
np.testing.assert_allclose(importance_weighted_bound(log_weights), [np.log(2)], rtol=1e-5)
small = importance_weighted_bound(log_weights - 2000.0)
np.testing.assert_allclose(small, [np.log(2) - 2000.0], rtol=1e-6)
### BEGIN HIDDEN TESTS
assert check(importance_weighted_bound, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Bits per pixel
#
# Likelihoods of small and large images can be compared if they are given in bits per pixel. A nat
# is the unit of the natural logarithm; a bit is the unit of the logarithm to base 2.


# %% nbgrader={"grade": false, "grade_id": "bits_per_pixel", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bits_per_pixel(nats, pixels):
    """-log p of each image in bits, divided by its number of pixels.

    Args:
        nats: `(batch,)`, -log p of whole images, in nats.
        pixels: number of pixels per image.

    Returns:
        `(batch,)`.
    """
    ### BEGIN SOLUTION
    return nats / np.log(2) / pixels
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_bits_per_pixel", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(bits_per_pixel)
# 784 fair coins cost log 2 nats each, which is one bit each.
bits = bits_per_pixel(np.array([784 * np.log(2), 392 * np.log(2)]), 784)
np.testing.assert_allclose(bits, [1.0, 0.5], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(bits_per_pixel, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Is every digit there?
#
# A GAN may drop some digits altogether. A classifier counts how many of the generated images belong
# to each class. Let $s_c$ be the fraction that belongs to class $c$. If all $C$ classes should be
# equally frequent, the coverage is 1 minus the total variation distance:
# $$1 - \frac12 \sum_c \left|s_c - \frac1C\right|$$


# %% nbgrader={"grade": false, "grade_id": "class_coverage", "locked": false, "schema_version": 3, "solution": true, "task": false}
def class_coverage(counts):
    """1 - the total variation distance between the fractions of the classes and equal fractions.

    Args:
        counts: `(classes,)` integers, number of images of each class.

    Returns:
        One number.
    """
    ### BEGIN SOLUTION
    shares = counts / np.sum(counts)
    return 1 - 0.5 * np.sum(np.abs(shares - 1 / len(counts)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_class_coverage", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(class_coverage)
# Only two of four classes occur: all four fractions are off by 1/4, and half the sum is 1/2.
np.testing.assert_allclose(class_coverage(np.array([5, 5, 0, 0])), 0.5, rtol=1e-5)
# All classes are equally frequent: nothing is missing.
np.testing.assert_allclose(class_coverage(np.array([3, 3, 3])), 1.0, rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(class_coverage, seed=314)
### END HIDDEN TESTS
