# %% [markdown]
# # Exercises of chapter 2: the generative adversarial network
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter2` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. The discriminator's loss
#
# $D$ is the sigmoid of a logit: the probability that a sample is real. Return the mean of
# $-\log D(x)$ over the real samples plus the mean of $-\log(1 - D(G(z)))$ over the generated ones.
# Logits may reach several hundred. There a float32 sigmoid is exactly 0 or 1, so $\log D$ or
# $\log(1 - D)$ is infinite. Use another form: $-\log \mathrm{sigmoid}(l) = \log(1 + e^{-l})$. That
# is `np.logaddexp(0, -l)`, which is always finite.


# %% nbgrader={"grade": false, "grade_id": "discriminator_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def discriminator_loss(real_logits, fake_logits):
    """The discriminator's binary cross-entropy, from logits, in nats.

    Args:
        real_logits: D's logits for real samples, `(batch, 1)`.
        fake_logits: D's logits for generated samples, `(batch, 1)`.

    Returns:
        One number.
    """
    ### BEGIN SOLUTION
    return np.mean(np.logaddexp(0, -real_logits)) + np.mean(np.logaddexp(0, fake_logits))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_discriminator_loss", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(discriminator_loss)
# Logits of 0 mean D = 1/2 for every sample: log 2 from each half.
loss = discriminator_loss(np.zeros((3, 1)), np.zeros((3, 1)))
np.testing.assert_allclose(loss, 2 * np.log(2), rtol=1e-5)
# To be sure and right costs nothing; to be sure and wrong about a real sample costs 200 nats.
sure = np.array([[200.0]])
np.testing.assert_allclose(discriminator_loss(sure, -sure), 0.0, atol=1e-6)
np.testing.assert_allclose(discriminator_loss(-sure, -sure), 200.0, rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(discriminator_loss, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. The generator's loss
#
# The generator wants its samples to be taken for real. In the minimax game it would minimize
# $\log(1 - D(G(z)))$, which is almost flat while $D$ wins easily. Return the non-saturating loss
# instead: the mean of $-\log D(G(z))$. This loss must stay finite too.


# %% nbgrader={"grade": false, "grade_id": "generator_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def generator_loss(fake_logits):
    """The generator's non-saturating loss, from logits, in nats.

    Args:
        fake_logits: D's logits for generated samples, `(batch, 1)`.

    Returns:
        One number.
    """
    ### BEGIN SOLUTION
    return np.mean(np.logaddexp(0, -fake_logits))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_generator_loss", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(generator_loss)
# D = 3/4 means odds of 3 to 1. The odds are e^logit, so the logit is log 3.
np.testing.assert_allclose(generator_loss(np.log([[3.0]])), np.log(4 / 3), rtol=1e-5)
# D sees through one sample for certain: 200 nats. The other fools D and costs nothing.
np.testing.assert_allclose(generator_loss(np.array([[-200.0], [200.0]])), 100.0, rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(generator_loss, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. What D would say if it knew both densities
#
# Half of the samples that $D$ sees come from the data, and half come from the generator. Each of
# the two has a density. Bayes' rule then gives the best possible $D(x)$: the probability that a
# sample found at $x$ is real.


# %% nbgrader={"grade": false, "grade_id": "optimal_discriminator", "locked": false, "schema_version": 3, "solution": true, "task": false}
def optimal_discriminator(p_data, p_generator):
    """The probability that a sample is real, given the two densities at its position.

    Args:
        p_data: density of the data at some points, `(points,)`.
        p_generator: density of the generator at the same points; the two are never both 0.

    Returns:
        `(points,)`, in 0..1.
    """
    ### BEGIN SOLUTION
    return p_data / (p_data + p_generator)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_optimal_discriminator", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(optimal_discriminator)
# At the first point three of four samples are real; at the second all are generated.
best = optimal_discriminator(np.array([0.6, 0.0]), np.array([0.2, 0.5]))
np.testing.assert_allclose(best, [0.75, 0.0], rtol=1e-5, atol=1e-6)
# A perfect generator has the density of the data, so D can only guess.
best = optimal_discriminator(np.array([0.3, 1.2]), np.array([0.3, 1.2]))
np.testing.assert_allclose(best, [0.5, 0.5], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(optimal_discriminator, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. One-sided label smoothing
#
# A discriminator whose target is 1 for real samples can always lower its loss with a larger logit.
# Give it the target 1 - smoothing for them, such as 0.9. Keep the target 0 for generated samples:
# smoothing these too would reward the generator for its present errors.


# %% nbgrader={"grade": false, "grade_id": "smooth_targets", "locked": false, "schema_version": 3, "solution": true, "task": false}
def smooth_targets(labels, smoothing):
    """The discriminator's targets, smoothed for real samples only.

    Args:
        labels: `(batch,)` integers, 1 for a real sample and 0 for a generated one.
        smoothing: a number in 0..1, such as 0.1.

    Returns:
        `(batch,)` floats.
    """
    ### BEGIN SOLUTION
    return np.where(labels == 1, 1.0 - smoothing, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_smooth_targets", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(smooth_targets)
# The target of a real sample is 1 - 0.1 = 0.9; 0 stays 0.
targets = smooth_targets(np.array([1, 0, 1]), 0.1)
np.testing.assert_allclose(targets, [0.9, 0.0, 0.9], rtol=1e-5, atol=1e-6)
### BEGIN HIDDEN TESTS
assert check(smooth_targets, seed=314)
### END HIDDEN TESTS
