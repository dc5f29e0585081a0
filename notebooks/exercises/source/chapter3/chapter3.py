# %% [markdown]
# # Exercises of chapter 3: the DCGAN
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genai-keras/genai_keras/blob/main/notebooks/exercises/chapter3.ipynb)
# [![Open in Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/genai-keras/genai_keras/main?labpath=notebooks/exercises/chapter3.ipynb)
#
# Fill in each function where it says `raise NotImplementedError()`, and run the cell below it: it
# says whether the function is right, and if not, what is likely to be the matter. Outside the
# notebook `python -m genai_keras.check chapter3` marks all of them. NumPy will do; `keras.ops`
# works, too.

# %%
# On Colab and Binder this installs genai_keras; anywhere else it does nothing.
import os
import sys

if "google.colab" in sys.modules or "BINDER_SERVICE_HOST" in os.environ:
    import subprocess

    address = "git+https://github.com/genai-keras/genai_keras"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

import genai_keras.cli.quiet  # TensorFlow starts without its notes on this machine

# %%
import numpy as np

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. How large a transposed convolution makes a picture
#
# Each input pixel paints a patch as wide as the kernel, and from one pixel to the next the patch
# moves on by the stride. Where patches overlap they are added. How wide is the whole, from the
# beginning of the first patch to the end of the last? Nothing is cut off: in Keras that is
# `padding="valid"`. (The DCGAN uses `"same"`, which cuts the result to size times stride.)


# %% nbgrader={"grade": false, "grade_id": "transposed_convolution_size", "locked": false, "schema_version": 3, "solution": true, "task": false}
def transposed_convolution_size(size, stride, kernel):
    """The side of the output of a transposed convolution, with `padding="valid"`.

    Args:
        size: the side of the input, in pixels.
        stride: how far the patch moves on for each input pixel.
        kernel: the side of the kernel, at least as large as the stride.

    Returns:
        An integer.
    """
    ### BEGIN SOLUTION
    return (size - 1) * stride + kernel
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_transposed_convolution_size", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(transposed_convolution_size)
# Patches of 4 begin at 0, 2 and 4; the last ends at 8.
assert transposed_convolution_size(3, 2, 4) == 8
# One pixel paints one patch.
assert transposed_convolution_size(1, 2, 5) == 5
### BEGIN HIDDEN TESTS
assert check(transposed_convolution_size, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Pixels for tanh
#
# A generator that ends in tanh makes numbers from -1 to 1, and the real pictures must have the same
# range. Pixels come as `uint8`: 0 is to become -1, and 255 exactly 1. Beware: an array of `uint8`
# has no room for more than 255 or less than 0, and computes on with the remainder of 256.


# %% nbgrader={"grade": false, "grade_id": "scale_pixels", "locked": false, "schema_version": 3, "solution": true, "task": false}
def scale_pixels(pixels):
    """Pixels 0..255 as numbers -1..1.

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
# 0 and 255 are the ends; 51 is a fifth of 255, so a fifth of the way from -1 to 1.
pixels = np.array([0, 51, 255], "uint8").reshape(1, 1, 3, 1)
np.testing.assert_allclose(np.ravel(scale_pixels(pixels)), [-1.0, -0.6, 1.0], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(scale_pixels, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Batch normalization of feature maps
#
# Each channel is normalized by its own mean and variance, taken over the whole batch and over all
# places in the picture. Then it is scaled by its $\gamma$ and shifted by its $\beta$:
# $$y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
# The variance is the mean of the squared deviations: the sum is divided by $n$, not by $n - 1$.
# (This is what the layer does in training; afterwards it uses running averages of the moments.)


# %% nbgrader={"grade": false, "grade_id": "batch_normalization", "locked": false, "schema_version": 3, "solution": true, "task": false}
def batch_normalization(x, gamma, beta, epsilon):
    """Batch normalization in training, by the statistics of the batch.

    Args:
        x: `(batch, height, width, channels)`.
        gamma, beta: `(channels,)`.
        epsilon: a small positive number.

    Returns:
        The shape of `x`.
    """
    ### BEGIN SOLUTION
    mean = np.mean(x, axis=(0, 1, 2))  # (channels,)
    variance = np.var(x, axis=(0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_batch_normalization", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(batch_normalization)
# Mean 3 and variance (4 + 4) / 2 = 4: with an epsilon of 5 the root is 3.
x = np.array([1.0, 5.0]).reshape(2, 1, 1, 1)
y = batch_normalization(x, np.array([6.0]), np.array([10.0]), 5.0)
np.testing.assert_allclose(np.ravel(y), [10 - 6 * 2 / 3, 10 + 6 * 2 / 3], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(batch_normalization, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Averaged weights
#
# The weights of a GAN do not come to rest. The pictures are made with an average of them, which
# moves a little towards the new weights after each step: it keeps the share `decay` of itself, such
# as 0.999, and takes the rest from the weights. Return a new array, and leave the old ones as they
# are.


# %% nbgrader={"grade": false, "grade_id": "exponential_moving_average", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exponential_moving_average(average, weights, decay):
    """The average after one more step.

    Args:
        average: the average so far, an array of any shape.
        weights: the new weights, of the same shape.
        decay: the share that the average keeps, in 0..1.

    Returns:
        The same shape.
    """
    ### BEGIN SOLUTION
    return decay * average + (1 - decay) * weights
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_exponential_moving_average", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(exponential_moving_average)
# Nine parts of the old and one of the new; what is equal already stays.
moved = exponential_moving_average(np.array([0.0, 5.0]), np.array([1.0, 5.0]), 0.9)
np.testing.assert_allclose(moved, [0.1, 5.0], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(exponential_moving_average, seed=314)
### END HIDDEN TESTS
