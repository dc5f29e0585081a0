# %% [markdown]
# # Exercises of chapter 8: flow matching
#
# Fill in each function where it says `raise NotImplementedError()`, then run the cell below it.
# That cell tells you whether the function is right and, if it is not, which mistake is likely.
# Outside the notebook, `python -m genai_keras.check chapter8` marks all the functions. NumPy is
# enough; `keras.ops` works too.

# %%
import numpy as np

from genai_keras.course.marking import check

# %% [markdown]
# ## 1. A point on a straight line
#
# A line leads from noise, at time 0, to data, at time 1. Each row of the batch has its own time.
# Return the point on the line at that time, and the velocity there: what the network is given, and
# what it should answer.


# %% nbgrader={"grade": false, "grade_id": "straight_line", "locked": false, "schema_version": 3, "solution": true, "task": false}
def straight_line(noise, data, t):
    """Where a point is on its way from noise to data, and how fast it moves.

    Args:
        noise, data: arrays `(batch, numbers)`.
        t: times from 0 to 1, `(batch,)`.

    Returns:
        The point and its velocity, each `(batch, numbers)`.
    """
    ### BEGIN SOLUTION
    along = t[:, None]  # (batch, 1)
    return (1 - along) * noise + along * data, data - noise
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_straight_line", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(straight_line)
# A quarter of the way from 0 to 8 is 2, and the whole way takes one unit of time.
point, velocity = straight_line(np.zeros((2, 1)), np.full((2, 1), 8.0), np.array([0.25, 1.0]))
np.testing.assert_allclose(point, [[2.0], [8.0]])
np.testing.assert_allclose(velocity, [[8.0], [8.0]])
### BEGIN HIDDEN TESTS
assert check(straight_line, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. The best velocity
#
# Many lines pass through the same place. The network learns the mean of their velocities,
# $\mathbb E[x - z \mid x_t]$, with $x_t = (1-t)z + tx$. If the data $x$ come from
# $\mathcal N(m, s^2)$ and the noise $z$ from $\mathcal N(0, 1)$, then $x_t$ and $x - z$ are Gaussian
# together, and the mean is a line:
# $$\mathbb E[x - z\mid x_t] = \mathbb E[x - z] + \frac{\mathrm{Cov}(x - z,\, x_t)}
# {\mathrm{Var}(x_t)}\,(x_t - \mathbb E[x_t]).$$
# Work out the four quantities, with $z$ and $x$ independent, and return the mean velocity at each
# place.


# %% nbgrader={"grade": false, "grade_id": "optimal_velocity", "locked": false, "schema_version": 3, "solution": true, "task": false}
def optimal_velocity(x, t, mean, deviation):
    """The mean velocity of all lines through x at time t, for data from N(mean, deviation^2).

    Args:
        x: places, `(n,)`.
        t: a time from 0 to 1.
        mean, deviation: of the data, two numbers.

    Returns:
        `(n,)`.
    """
    ### BEGIN SOLUTION
    variance = (1 - t) ** 2 + t**2 * deviation**2
    covariance = t * deviation**2 - (1 - t)
    return mean + covariance / variance * (x - t * mean)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_optimal_velocity", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(optimal_velocity)
# At time 0, x is the noise and says nothing about the data: the mean velocity is mean - x.
x = np.array([-1.0, 0.0, 2.0])
np.testing.assert_allclose(optimal_velocity(x, 0.0, 3.0, 0.5), 3.0 - x)
# Data that are distributed like the noise: at half time nothing has to move.
np.testing.assert_allclose(optimal_velocity(x, 0.5, 0.0, 1.0), [0.0, 0.0, 0.0], atol=1e-7)
### BEGIN HIDDEN TESTS
assert check(optimal_velocity, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Heun's step
#
# Euler's method walks on with the velocity at the start. Heun's method walks there, looks at the
# velocity at that end, goes back to the start, and walks with the mean of both velocities. The step
# may be negative: then time runs backwards.


# %% nbgrader={"grade": false, "grade_id": "heun_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def heun_step(velocity, x, t, step):
    """One step of Heun's method for dx/dt = velocity(x, t).

    Args:
        velocity: a function of x and a time that returns an array of the shape of x.
        x: where the step begins, an array.
        t: the time when it begins.
        step: how long it takes.

    Returns:
        Where the step ends, an array of the shape of x.
    """
    ### BEGIN SOLUTION
    first = velocity(x, t)
    last = velocity(x + step * first, t + step)
    return x + step * (first + last) / 2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_heun_step", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check(heun_step)
# dx/dt = x + t, from 1 at time 0: the velocity is 1, and 2 + 1 at Euler's end. The mean is 2.
np.testing.assert_allclose(heun_step(np.add, np.array([1.0]), 0.0, 1.0), [3.0])
# dx/dt = x t: at time 0 the velocity is 0, so Euler's method would not move at all.
np.testing.assert_allclose(heun_step(np.multiply, np.array([1.0, -2.0]), 0.0, 2.0), [3.0, -6.0])
### BEGIN HIDDEN TESTS
assert check(heun_step, seed=314)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Guidance
#
# The network knows the velocity of the class we ask for, and that of all classes together. Guidance
# weights their difference: with a weight of 0 the label does not count, with 1 it counts as in
# training, and with more it is exaggerated. (In the paper of Ho and Salimans the weight is smaller
# by 1.)


# %% nbgrader={"grade": false, "grade_id": "guided_velocity", "locked": false, "schema_version": 3, "solution": true, "task": false}
def guided_velocity(given, free, guidance):
    """The velocity that a guided sample follows.

    Args:
        given: the velocity given the label, `(batch, numbers)`.
        free: the velocity without a label, `(batch, numbers)`.
        guidance: weight of the label, one number.

    Returns:
        `(batch, numbers)`.
    """
    ### BEGIN SOLUTION
    return free + guidance * (given - free)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_guided_velocity", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check(guided_velocity)
given, free = np.array([[3.0]]), np.array([[1.0]])
velocities = [guided_velocity(given, free, weight)[0, 0] for weight in (0.0, 1.0, 2.0)]
np.testing.assert_allclose(velocities, [1.0, 3.0, 5.0])
### BEGIN HIDDEN TESTS
assert check(guided_velocity, seed=314)
### END HIDDEN TESTS
