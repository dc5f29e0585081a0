# %% [markdown]
# # Exercises of chapter 6: a decoder that writes
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter6` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. What to predict
#
# A language model is trained on text alone. At each position it has read the tokens up to there and
# must predict the next one. So a text of `length + 1` tokens gives `length` inputs and as many
# targets.


# %% nbgrader={"grade": false, "grade_id": "inputs_and_targets", "locked": false, "schema_version": 3, "solution": true, "task": false}
def inputs_and_targets(tokens):
    """What the decoder reads and, for each input, the token that comes after it.

    Args:
        tokens: `(batch, length + 1)` integers.

    Returns:
        The inputs and the targets, two arrays `(batch, length)`.
    """
    ### BEGIN SOLUTION
    return tokens[:, :-1], tokens[:, 1:]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_inputs_and_targets", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check(inputs_and_targets)
# After 5 comes 6, and after 6 comes 7. What comes after 7 is unknown.
inputs, targets = inputs_and_targets(np.array([[5, 6, 7]]))
np.testing.assert_array_equal(inputs, [[5, 6]])
np.testing.assert_array_equal(targets, [[6, 7]])
### BEGIN HIDDEN TESTS
assert check(inputs_and_targets, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. The loss
#
# The softmax of a position's logits gives each token of the vocabulary a probability. Return
# $-\log p(\text{target})$ in nats, averaged over all positions of all texts. Logits may be large,
# so do not take the logarithm of a softmax.


# %% nbgrader={"grade": false, "grade_id": "next_token_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def next_token_loss(logits, targets):
    """-log p(target) in nats, averaged over all positions of the batch.

    Args:
        logits: `(batch, length, vocabulary)`.
        targets: `(batch, length)` integers.

    Returns:
        One number.
    """
    ### BEGIN SOLUTION
    lowered = logits - np.max(logits, axis=-1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(lowered), axis=-1))  # (batch, length)
    of_target = np.take_along_axis(lowered, targets[..., None], axis=-1)[..., 0]
    return np.mean(log_sum - of_target)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_next_token_loss", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(next_token_loss)
# Four tokens with equal logits have a probability of 1/4 each, and -log(1/4) = log 4.
np.testing.assert_allclose(
    next_token_loss(np.zeros((1, 2, 4)), np.array([[0, 3]])), np.log(4), rtol=1e-5
)
# exp of the logits is 3 and 1, so the tokens have the probabilities 3/4 and 1/4. The first target
# has a probability of 3/4, the second one of 1/4.
logits = np.array([[[np.log(3), 0.0], [np.log(3), 0.0]]])
loss = next_token_loss(logits, np.array([[0, 1]]))
np.testing.assert_allclose(loss, (np.log(4 / 3) + np.log(4)) / 2, rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(next_token_loss, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. What the model still sees
#
# A decoder can read only a fixed number of tokens, its context length. When a text is longer, it
# reads the last ones. (For speed, `LanguageModel.generate` moves the context by half its length at
# a time. Here it moves with every token and is always as full as possible.)


# %% nbgrader={"grade": false, "grade_id": "last_context", "locked": false, "schema_version": 3, "solution": true, "task": false}
def last_context(tokens, context_length):
    """The last tokens of each text, as many as fit; the whole text if it is shorter.

    Args:
        tokens: `(batch, length)` integers.
        context_length: number of tokens that fit, at least 1.

    Returns:
        `(batch, length)` or `(batch, context_length)`, whichever is shorter.
    """
    ### BEGIN SOLUTION
    start = max(tokens.shape[1] - context_length, 0)
    return tokens[:, start:]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_last_context", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(last_context)
# If two tokens fit, the last two are kept. If five fit, the text has only three.
np.testing.assert_array_equal(last_context(np.array([[7, 8, 9]]), 2), [[8, 9]])
np.testing.assert_array_equal(last_context(np.array([[7, 8, 9]]), 5), [[7, 8, 9]])
### BEGIN HIDDEN TESTS
assert check(last_context, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. More daring, or less
#
# Before the softmax, the logits are divided by a temperature. Below 1, likely tokens become even
# likelier. Above 1, the probabilities become more alike. Logits may be large.


# %% nbgrader={"grade": false, "grade_id": "softmax_with_temperature", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax_with_temperature(logits, temperature):
    """The probabilities of the tokens at a given temperature.

    Args:
        logits: `(batch, vocabulary)`.
        temperature: a number above 0.

    Returns:
        `(batch, vocabulary)`.
    """
    ### BEGIN SOLUTION
    logits = logits / temperature
    weights = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_softmax_with_temperature", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(softmax_with_temperature)
# log 3 divided by a half is 2 log 3 = log 9: the odds are no longer 3 to 1 but 9 to 1.
cold = softmax_with_temperature(np.array([[np.log(3), 0.0]]), 0.5)
np.testing.assert_allclose(cold, [[0.9, 0.1]], rtol=1e-5)
### BEGIN HIDDEN TESTS
assert check(softmax_with_temperature, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. The nucleus
#
# Many tokens have a small probability each, but together they have a larger one. Top-p sampling
# leaves them out. Start with the likeliest token and go down, keeping tokens until their
# probabilities add up to `p` or more. The other tokens get 0, and the kept probabilities are
# divided by their sum. All tokens stay at their places in the vocabulary.


# %% nbgrader={"grade": false, "grade_id": "top_p", "locked": false, "schema_version": 3, "solution": true, "task": false}
def top_p(probabilities, p):
    """The distribution over the fewest, likeliest tokens whose probabilities add up to p or more.

    Args:
        probabilities: `(vocabulary,)`, one distribution; no two are equal.
        p: 0 < p <= 1.

    Returns:
        `(vocabulary,)`.
    """
    ### BEGIN SOLUTION
    order = np.argsort(-probabilities)  # the likeliest token first
    mass_before = np.cumsum(probabilities[order]) - probabilities[order]
    kept = order[mass_before < p]
    result = np.zeros_like(probabilities)
    result[kept] = probabilities[kept] / np.sum(probabilities[kept])
    return result
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_top_p", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check(top_p)
# 0.5 is less than 0.7, and 0.5 + 0.25 is more: two tokens stay, and 0.5 / 0.75 is two thirds.
kept = top_p(np.array([0.15, 0.5, 0.25, 0.1]), 0.7)
np.testing.assert_allclose(kept, [0, 2 / 3, 1 / 3, 0], rtol=1e-5)
# The likeliest token alone reaches 0.5, so no other token is kept.
np.testing.assert_allclose(top_p(np.array([0.15, 0.5, 0.25, 0.1]), 0.5), [0, 1, 0, 0])
### BEGIN HIDDEN TESTS
assert check(top_p, seed=314)
### END HIDDEN TESTS
