"""The solvers on equations with known solutions."""

import numpy as np
import pytest
import tensorflow as tf

from genai_keras.sampling.solvers import SOLVERS, solve


def swinging(x, t):
    """dx/dt = x cos(t), so x(t) = x(0) exp(sin(t))."""
    return x * tf.cos(t)


def solved(steps, solver, end=2.0):
    x = tf.constant([1.0, -0.5])
    return np.array(solve(swinging, x, 0.0, end, steps, solver))


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_the_error_falls_with_the_order_of_the_solver(solver, order):
    steps = np.array([8, 16, 32, 64])
    truth = np.array([1.0, -0.5]) * np.exp(np.sin(2.0))
    errors = [np.abs(solved(n, solver) - truth).max() for n in steps]
    slopes = -np.diff(np.log(errors)) / np.log(2)
    assert slopes == pytest.approx(order, abs=0.25)
    assert slopes[-1] == pytest.approx(order, abs=0.1)


def test_steps_are_the_formulas_by_hand():
    x, t, h = np.float32(0.7), 0.3, 0.1
    first = x * np.cos(t)
    last = (x + h * first) * np.cos(t + h)
    expected = {"euler": x + h * first, "heun": x + h * (first + last) / 2}
    assert expected.keys() == SOLVERS.keys()
    for name, step in SOLVERS.items():
        found = float(step(swinging, tf.constant(x), tf.constant(t), tf.constant(h)))
        assert found == pytest.approx(expected[name], rel=1e-6)


@pytest.mark.parametrize(("solver", "each"), [("euler", 1), ("heun", 2)])
def test_a_step_costs_as_many_velocities_as_it_says(solver, each):
    times = []

    def velocity(x, t):
        times.append(float(t))
        return x

    solve(velocity, tf.constant(1.0), 0.0, 1.0, 5, solver)
    assert len(times) == 5 * each
    assert max(times) == pytest.approx(1.0 if solver == "heun" else 0.8)
    assert min(times) == 0.0


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_path_may_begin_at_any_time_and_lead_back(solver):
    first = np.array([1.0, -0.5])
    there = solve(swinging, tf.constant(first, tf.float32), 0.5, 2.0, 200, solver)
    assert np.array(there) == pytest.approx(first * np.exp(np.sin(2.0) - np.sin(0.5)), abs=0.02)
    back = solve(swinging, there, 2.0, 0.5, 200, solver)
    assert np.array(back) == pytest.approx(first, abs=0.02)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_nest_changes_together(solver):
    """A rotation, and the angle of it: each part of the state may depend on the others."""

    def turn(state, t):
        x, y, angle = state
        return -y, x, tf.ones_like(angle)

    zeros = tf.zeros(3)
    steps = {"euler": 500, "heun": 50}[solver]
    x, y, angle = solve(turn, (zeros + 1.0, zeros, zeros), 0.0, 1.5, steps, solver)
    assert np.array(angle) == pytest.approx(1.5, abs=5e-3)
    assert np.array(x) == pytest.approx(np.cos(1.5), abs=5e-3)
    assert np.array(y) == pytest.approx(np.sin(1.5), abs=5e-3)


def test_straight_paths_need_one_step():
    for solver in SOLVERS:
        found = solve(lambda x, t: tf.constant([3.0, -1.0]), tf.zeros(2), 0.0, 1.0, 1, solver)
        assert np.array_equal(found, [3.0, -1.0])


def test_the_number_of_steps_may_be_a_tensor_and_one_graph_serves_all():
    traced = []

    @tf.function
    def follow(steps):
        traced.append(1)
        return solve(swinging, tf.constant([1.0, -0.5]), 0.0, 2.0, steps)

    for steps in (1, 7, 30):
        assert np.array(follow(tf.constant(steps))) == pytest.approx(solved(steps, "heun"))
    assert len(traced) == 1
