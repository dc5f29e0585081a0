"""Solvers of ordinary differential equations, dx/dt = velocity(x, t), with equal steps.

A state may be a tensor, or a nest of tensors that change together.
"""

import tensorflow as tf


def euler_step(velocity, x, t, step):
    """Follows the velocity at the start: the error of a whole path falls with the step."""
    return _moved(x, step, velocity(x, t))


def heun_step(velocity, x, t, step):
    """Averages the velocities at the start and at Euler's end: the error falls with its square.

    Reference: Karras et al. 2022, algorithm 1, https://arxiv.org/abs/2206.00364
    """
    first = velocity(x, t)
    last = velocity(_moved(x, step, first), t + step)
    return _moved(x, step, tf.nest.map_structure(lambda a, b: (a + b) / 2.0, first, last))


SOLVERS = {"euler": euler_step, "heun": heun_step}


def solve(velocity, x, start, end, steps, solver="heun"):
    """Follows a velocity from one time to another.

    Args:
        velocity: a function of a state and a time, a scalar, that returns the change of the state
            per unit of time.
        x: the state at `start`.
        start, end: times; `end` may be the earlier one.
        steps: number of steps.
        solver: a name in `SOLVERS`. A step of "euler" computes the velocity once, one of "heun"
            twice.

    Returns:
        The state at `end`.
    """
    step, length = SOLVERS[solver], (end - start) / tf.cast(steps, tf.float32)

    def follow(number, x):
        t = start + length * tf.cast(number, tf.float32)
        return number + 1, step(velocity, x, t, length)

    _, x = tf.while_loop(lambda number, _: number < steps, follow, (tf.constant(0), x))
    return x


def _moved(x, step, velocity):
    return tf.nest.map_structure(lambda a, b: a + step * b, x, velocity)
