# %% [markdown]
# # Exercises of chapter 3: the DCGAN
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter3` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. How large a transposed convolution makes an image
#
# Each input pixel paints a patch as wide as the kernel. From one input pixel to the next, the patch
# moves on by the stride. Where patches overlap, they are added. How wide is the result, from the
# start of the first patch to the end of the last? Nothing is cut off, which is `padding="valid"` in
# Keras. (The DCGAN uses `"same"`, which cuts the result to size times stride.)


# %% nbgrader={"grade": false, "grade_id": "transposed_convolution_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def transposed_convolution_size(size, stride, kernel):
    """The side length of a transposed convolution's output, with `padding="valid"`.

    Args:
        size: side length of the input, in pixels.
        stride: how far the patch moves from one input pixel to the next.
        kernel: side length of the kernel, at least as large as the stride.

    Returns:
        An integer.
    """
    ### BEGIN SOLUTION
    return (size - 1) * stride + kernel
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_transposed_convolution_size", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(transposed_convolution_size)
# Patches of width 4 start at 0, 2 and 4; the last one ends at 8.
assert transposed_convolution_size(3, 2, 4) == 8
# One pixel paints one patch.
assert transposed_convolution_size(1, 2, 5) == 5
### BEGIN HIDDEN TESTS
assert check(transposed_convolution_size, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Pixels for tanh
#
# A generator that ends in tanh produces numbers from -1 to 1, so the real images must have the same
# range. Pixels come as `uint8`: 0 must become -1, and 255 must become exactly 1. Beware: a `uint8`
# array cannot hold numbers below 0 or above 255. Its arithmetic wraps around modulo 256.


# %% nbgrader={"grade": false, "grade_id": "scale_pixels", "locked": false, "schema_version": 3, "solution": true, "task": false}
def scale_pixels(pixels):
    """Pixels in 0..255 as numbers in -1..1.

    Args:
        pixels: `(batch, height, width, channels)` uint8.

    Returns:
        Floats of the same shape.
    """
    ### BEGIN SOLUTION
    return pixels / 127.5 - 1.0
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_scale_pixels", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(scale_pixels)
# 0 and 255 are the ends; 51 is a fifth of 255, so it lies a fifth of the way from -1 to 1.
pixels = np.array([0, 51, 255], "uint8").reshape(1, 1, 3, 1)
np.testing.assert_allclose(np.ravel(scale_pixels(pixels)), [-1.0, -0.6, 1.0], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(scale_pixels, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Batch normalization of feature maps
#
# Each channel is normalized with its own mean and variance, taken over the whole batch and over all
# positions in the image. Then it is scaled by its $\gamma$ and shifted by its $\beta$:
# $$y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
# The variance is the mean of the squared deviations: divide their sum by $n$, not by $n - 1$.
# (This is what the layer does in training. Afterwards it uses running averages of mean and
# variance.)


# %% nbgrader={"grade": false, "grade_id": "batch_normalization", "locked": false, "schema_version": 3, "solution": true, "task": false}
def batch_normalization(x, gamma, beta, epsilon):
    """Batch normalization in training mode, with the statistics of the batch.

    Args:
        x: `(batch, height, width, channels)`.
        gamma, beta: `(channels,)`.
        epsilon: a small positive number.

    Returns:
        An array with the shape of `x`.
    """
    ### BEGIN SOLUTION
    mean = np.mean(x, axis=(0, 1, 2))  # (channels,)
    variance = np.var(x, axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_batch_normalization", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(batch_normalization)
# The mean is 3 and the variance is (4 + 4) / 2 = 4, so with an epsilon of 5 the root is 3.
x = np.array([1.0, 5.0]).reshape(2, 1, 1, 1)
y = batch_normalization(x, np.array([6.0]), np.array([10.0]), 5.0)
np.testing.assert_allclose(np.ravel(y), [10 - 6 * 2 / 3, 10 + 6 * 2 / 3], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(batch_normalization, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Averaged weights
#
# The weights of a GAN do not settle. Its images are therefore generated with a moving average of
# the weights. After each step this average moves a little towards the new weights: it keeps a
# fraction `decay` of itself, such as 0.999, and takes the rest from the new weights. Return a new
# array and leave the old ones unchanged.


# %% nbgrader={"grade": false, "grade_id": "exponential_moving_average", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exponential_moving_average(average, weights, decay):
    """The average after one more step.

    Args:
        average: the average so far, an array of any shape.
        weights: the new weights, of the same shape.
        decay: the fraction that the average keeps of itself, in 0..1.

    Returns:
        An array of the same shape.
    """
    ### BEGIN SOLUTION
    return decay * average + (1 - decay) * weights
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_exponential_moving_average", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(exponential_moving_average)
# Nine parts old and one part new; a number that is equal in both stays.
moved = exponential_moving_average(np.array([0.0, 5.0]), np.array([1.0, 5.0]), 0.9)
np.testing.assert_allclose(moved, [0.1, 5.0], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(exponential_moving_average, seed=314)
### END HIDDEN TESTS
