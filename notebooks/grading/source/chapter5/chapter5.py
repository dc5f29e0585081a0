# %% [markdown]
# # Exercises of chapter 5: attention
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter5` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. Who may look at whom
#
# A model that writes must not look ahead. Each row of the mask is a query, and each column is a
# key. True means that the query may look at the key. Each position may look at itself and at the
# positions before it.


# %% nbgrader={"grade": false, "grade_id": "causal_mask", "locked": false, "schema_version": 3, "solution": true, "task": false}
def causal_mask(length):
    """Which keys (columns) each query (row) may look at: those at its own position and before it.

    Args:
        length: number of positions.

    Returns:
        `(length, length)` bool.
    """
    ### BEGIN SOLUTION
    position = np.arange(length)
    return position[None, :] <= position[:, None]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_causal_mask", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(causal_mask)
# Query 0 sees key 0 only; query 1 sees keys 0 and 1.
np.testing.assert_array_equal(causal_mask(2), [[True, False], [True, True]])
### BEGIN HIDDEN TESTS
assert check(causal_mask, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Attention
#
# Return $\mathrm{softmax}(QK^\top / \sqrt d)\,V$, where $d$ is the width. The score of a query and
# a key is their dot product divided by $\sqrt d$. For each query, the softmax over the keys turns
# the scores into weights, and the weights mix the values. A masked key has a weight of exactly 0.
# Scores may be large: subtract the maximum before `exp`, which does not change the softmax, or use
# a softmax that does this for you.


# %% nbgrader={"grade": false, "grade_id": "scaled_dot_product_attention", "locked": false, "schema_version": 3, "solution": true, "task": false}
def scaled_dot_product_attention(query, key, value, mask):
    """For each query, a weighted mean of the values whose keys it may look at.

    Args:
        query, key, value: arrays `(batch, length, width)`.
        mask: `(query, key)` bool, True where the query may look at the key. It is the same for the
            whole batch, and every query has at least one key.

    Returns:
        `(batch, length, width)`.
    """
    ### BEGIN SOLUTION
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])  # (batch, query, key)
    scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ value
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_scaled_dot_product_attention", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(scaled_dot_product_attention)
# The width is 4. The query's dot products with the keys are 2 log 3 and 0. Divided by sqrt(4) = 2
# they are log 3 and 0, and the softmax of these is 3/4 and 1/4. Query 1 is equal to query 0, but
# its key 0 is masked.
query = np.array([[[2.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]]])
key = np.array([[[np.log(3), 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
value = np.array([[[4.0, 0.0, 0.0, 0.0], [0.0, 8.0, 0.0, 0.0]]])
mixed = scaled_dot_product_attention(query, key, value, np.array([[True, True], [False, True]]))
np.testing.assert_allclose(mixed, [[[3.0, 2.0, 0.0, 0.0], [0.0, 8.0, 0.0, 0.0]]], atol=1e-6)
### BEGIN HIDDEN TESTS
assert check(scaled_dot_product_attention, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Where a token stands
#
# Attention does not know the order of its keys, so each position gets a vector of its own. Pair $i$
# of its columns has the angle $\mathrm{position} / 10000^{2i/\mathrm{width}}$. The sine of the
# angle is in column $2i$, its cosine in column $2i + 1$. Positions and columns count from 0.


# %% nbgrader={"grade": false, "grade_id": "sinusoidal_positions", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sinusoidal_positions(length, width):
    """sin(position / 10000^(2i / width)) in column 2i; the cosine of that angle in column 2i + 1.

    Args:
        length: number of positions.
        width: width of each position's vector, an even number.

    Returns:
        `(length, width)`.
    """
    ### BEGIN SOLUTION
    exponents = np.arange(0, width, 2) / width  # (width / 2,)
    angles = np.arange(length)[:, None] / 10_000.0**exponents  # (length, width / 2)
    table = np.empty((length, width))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles)
    return table
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_sinusoidal_positions", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(sinusoidal_positions)
# At position 0 all angles are 0. With 4 columns, the second pair's angle is
# position / 10000^(2/4), a hundredth of the position.
table = sinusoidal_positions(2, 4)
np.testing.assert_allclose(table[0], [0, 1, 0, 1], atol=1e-6)
np.testing.assert_allclose(table[1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(sinusoidal_positions, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Layer normalization
#
# Between the layers of a transformer, each position's vector is normalized on its own to mean 0 and
# variance 1. It is then multiplied by `gamma`, and `beta` is added; both are learned. The variance
# is the mean of the squared distances from the mean. `epsilon` is added to the variance to keep its
# square root away from 0.


# %% nbgrader={"grade": false, "grade_id": "layer_normalization", "locked": false, "schema_version": 3, "solution": true, "task": false}
def layer_normalization(x, gamma, beta, epsilon):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, with the statistics of the last axis.

    Args:
        x: `(batch, length, width)`.
        gamma, beta: `(width,)`.
        epsilon: number that is added to the variance.

    Returns:
        `(batch, length, width)`.
    """
    ### BEGIN SOLUTION
    mean = np.mean(x, axis=-1, keepdims=True)  # (batch, length, 1)
    variance = np.var(x, axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_layer_normalization", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(layer_normalization)
# The mean of 1 and 3 is 2, and the variance is 1. With epsilon 3 the root is 2, so the normalized
# vector is (-1/2, 1/2). Times gamma, (4, 8), it is (-2, 4); plus beta, (10, 0), it is (8, 4).
normal = layer_normalization(
    np.array([[[1.0, 3.0]]]), np.array([4.0, 8.0]), np.array([10.0, 0.0]), 3.0
)
np.testing.assert_allclose(normal, [[[8.0, 4.0]]], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(layer_normalization, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. Several heads
#
# Each head computes its own attention on some of the features. With a width of 12 and 3 heads, the
# first head takes the first 4 features, the second head takes the next 4, and so on. If the heads
# are an axis, like the batch, all of them are computed at once.


# %% nbgrader={"grade": false, "grade_id": "split_heads", "locked": false, "schema_version": 3, "solution": true, "task": false}
def split_heads(x, num_heads):
    """Divides the features among the heads; neighbouring features stay together.

    Args:
        x: `(batch, length, width)`.
        num_heads: a divisor of the width.

    Returns:
        `(batch, heads, length, width / heads)`.
    """
    ### BEGIN SOLUTION
    batch, length, width = x.shape
    x = np.reshape(x, (batch, length, num_heads, width // num_heads))
    return np.transpose(x, (0, 2, 1, 3))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_split_heads", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(split_heads)
# Two positions with four features: the first head has the first two features of both positions.
heads = split_heads(np.array([[[1, 2, 3, 4], [5, 6, 7, 8]]]), 2)
np.testing.assert_array_equal(heads, [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]])
### BEGIN HIDDEN TESTS
assert check(split_heads, seed=314)
### END HIDDEN TESTS
