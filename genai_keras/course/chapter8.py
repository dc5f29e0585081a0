"""Chapter 8, flow matching: straight lines, their mean velocity, a solver, and guidance."""

import numpy as np

from genai_keras.course.marking import Exercise
from genai_keras.sampling import solvers


def straight_line(noise, data, t):
    """The point (1 - t) noise + t data, and the velocity data - noise."""
    t = t[:, None]
    return (1 - t) * noise + t * data, data - noise


def optimal_velocity(x, t, mean, deviation):
    """E[data - noise | (1 - t) noise + t data = x], a line in x for Gaussian data."""
    covariance = t * deviation**2 - (1 - t)
    return mean + covariance / _variance(t, deviation) * (x - t * mean)


def heun_step(velocity, x, t, step):
    """x + step times the mean of the velocities at x and at Euler's end."""
    return solvers.heun_step(velocity, x, t, step)


def guided_velocity(given, free, guidance):
    """free + guidance * (given - free)."""
    return free + guidance * (given - free)


def _variance(t, deviation):
    """The variance of (1 - t) noise + t data."""
    return (1 - t) ** 2 + (t * deviation) ** 2


def _lines(rng):
    """As many rows as columns, so that times along the wrong axis give numbers, not an error."""
    cases = []
    for size in (4, 3, 5):
        noise, data = rng.normal(size=(2, size, size)).astype("float32")
        cases.append((noise, data + 1, rng.uniform(0.1, 0.9, size).astype("float32")))
    return cases


def _gaussians(rng):
    """Points, a time, and a Gaussian that is neither standard nor centred."""
    cases = []
    for points, deviation in ((5, 0.4), (3, 1.7), (4, 2.5)):
        t, mean = rng.uniform(0.2, 0.8), rng.uniform(1, 3) * rng.choice((-1, 1))
        x = rng.normal(0, 1.5, points).astype("float32")
        cases.append((x, float(t), float(mean), deviation * float(rng.uniform(0.9, 1.1))))
    return cases


def _steps(rng):
    """A velocity that is curved in x and in t, where to start, and a step, once backwards."""

    def curved(scale, rate):
        def velocity(x, t):
            return scale * np.sin(x) + np.cos(rate * t) * x

        return velocity

    cases = []
    for shape, step in (((4,), 0.5), ((2, 3), 0.25), ((3,), -0.5)):
        velocity = curved(rng.uniform(1, 2), rng.uniform(2, 4))
        cases.append((velocity, rng.normal(size=shape), float(rng.uniform(0.3, 0.7)), step))
    return cases


def _velocities(rng):
    """The velocities with a label and without, and weights below and above 1."""
    cases = []
    for shape, low, high in (((4, 3), 1.5, 4), ((2, 5), 0.2, 0.8), ((3, 3), 4, 8)):
        given, free = rng.normal(size=(2, *shape)).astype("float32")
        cases.append((given, free, float(rng.uniform(low, high))))
    return cases


def _slope_of(covariance):
    """An optimal velocity with another covariance of a point and its velocity."""

    def velocity(x, t, m, s):
        return m + covariance(t, s) / _variance(t, s) * (x - t * m)

    return velocity


def _divided_by(variance):
    """An optimal velocity with another variance of a point."""

    def velocity(x, t, m, s):
        return m + (t * s**2 - (1 - t)) / variance(t, s) * (x - t * m)

    return velocity


def _at_euler_end(v, x, t, h):
    return v(x + h * v(x, t), t + h)


EXERCISES = (
    Exercise(
        straight_line,
        _lines,
        {
            "noise and data are swapped: at time 0 the point is the noise": lambda z, x, t: (
                straight_line(x, z, t)
            ),
            "the point runs backwards: at time 0 it is the noise, at time 1 the data": (
                lambda z, x, t: (straight_line(x, z, t)[0], x - z)
            ),
            "the velocity points from the data to the noise: the point moves towards the data": (
                lambda z, x, t: (straight_line(z, x, t)[0], z - x)
            ),
            "each row has its own time: t[:, None] multiplies rows, t alone multiplies columns": (
                lambda z, x, t: ((1 - t) * z + t * x, x - z)
            ),
            "all rows have the time of the first": lambda z, x, t: (
                (1 - t[0]) * z + t[0] * x,
                x - z,
            ),
            "the velocity is the same all the way: it does not depend on t": lambda z, x, t: (
                straight_line(z, x, t)[0],
                t[:, None] * (x - z),
            ),
            "this is the way that is left from the point, not the velocity of the whole line": (
                lambda z, x, t: (straight_line(z, x, t)[0], x - straight_line(z, x, t)[0])
            ),
            "the noise stays at its full size: multiply it by 1 - t": lambda z, x, t: (
                z + t[:, None] * x,
                x - z,
            ),
            "point and velocity are swapped: return the point first": lambda z, x, t: (
                x - z,
                straight_line(z, x, t)[0],
            ),
        },
    ),
    Exercise(
        optimal_velocity,
        _gaussians,
        {
            "this is the mean of all velocities: those of the lines through x are others": (
                lambda x, t, m, s: np.full_like(x, m)
            ),
            "at time t the points are around t * mean: subtract that from x": lambda x, t, m, s: (
                optimal_velocity(x - m + t * m, t, m, s)
            ),
            "x is not centred: subtract t * mean, where the points are at time t": (
                lambda x, t, m, s: optimal_velocity(x + t * m, t, m, s)
            ),
            "the mean velocity is missing: add the mean": lambda x, t, m, s: (
                optimal_velocity(x, t, m, s) - m
            ),
            "this is the mean of the data alone: subtract that of the noise": _slope_of(
                lambda t, s: t * s**2
            ),
            "this is minus the mean of the noise alone: add that of the data": lambda x, t, m, s: (
                -(1 - t) / _variance(t, s) * (x - t * m)
            ),
            "noise enters the velocity with a minus: the covariance is t s^2 - (1 - t)": _slope_of(
                lambda t, s: t * s**2 + 1 - t
            ),
            "the variance of the data is the square of the deviation": _slope_of(
                lambda t, s: t * s - (1 - t)
            ),
            "the variance of the data is the square of the deviation, below the line, too": (
                _divided_by(lambda t, s: (1 - t) ** 2 + t**2 * s)
            ),
            "the weights of a sum are squared in its variance: (1 - t)^2 + t^2 s^2": _divided_by(
                lambda t, s: 1 - t + t * s**2
            ),
            "divide by the variance of the point, not by its deviation": _divided_by(
                lambda t, s: np.sqrt(_variance(t, s))
            ),
            "not divided by the variance of the point yet": _divided_by(lambda t, s: 1.0),
            "this leads straight to the mean: the data have a deviation, too": lambda x, t, m, s: (
                (m - x) / (1 - t)
            ),
        },
    ),
    Exercise(
        heun_step,
        _steps,
        {
            "this is Euler's step: average its velocity with that at its end": lambda v, x, t, h: (
                x + h * v(x, t)
            ),
            "this takes the velocity at the end alone: average it with that at the start": (
                lambda v, x, t, h: x + h * _at_euler_end(v, x, t, h)
            ),
            "this is the midpoint method, which is as good: Heun's averages those of both ends": (
                lambda v, x, t, h: x + h * v(x + h / 2 * v(x, t), t + h / 2)
            ),
            "the second velocity is that of the later time, t + step": lambda v, x, t, h: (
                x + h / 2 * (v(x, t) + v(x + h * v(x, t), t))
            ),
            "the second velocity is that of another place, the end of Euler's step": (
                lambda v, x, t, h: x + h / 2 * (v(x, t) + v(x, t + h))
            ),
            "the two velocities are added: take their mean": lambda v, x, t, h: (
                x + h * (v(x, t) + _at_euler_end(v, x, t, h))
            ),
            "these are two steps of Euler's method, one after the other": lambda v, x, t, h: (
                x + h / 2 * v(x, t) + h / 2 * v(x + h / 2 * v(x, t), t + h / 2)
            ),
            "this walks twice: begin at x again, not at the end of Euler's step": (
                lambda v, x, t, h: x + h * v(x, t) + h / 2 * (v(x, t) + _at_euler_end(v, x, t, h))
            ),
            "this is how far x moves: add x": lambda v, x, t, h: (
                h / 2 * (v(x, t) + _at_euler_end(v, x, t, h))
            ),
            "the step is missing: multiply the velocity by it": lambda v, x, t, h: (
                x + (v(x, t) + _at_euler_end(v, x, t, h)) / 2
            ),
        },
    ),
    Exercise(
        guided_velocity,
        _velocities,
        {
            "given and free are swapped: a weight of 0 must return free": lambda g, f, w: (
                guided_velocity(f, g, w)
            ),
            "this is the weight of the paper, which is smaller by 1: here 1 must return given": (
                lambda g, f, w: g + w * (g - f)
            ),
            "the difference points away from the label: it is given - free": lambda g, f, w: (
                f + w * (f - g)
            ),
            "this is the weighted difference alone: add it to free": lambda g, f, w: w * (g - f),
            "free is missing: only the difference of the two is weighted": lambda g, f, w: w * g,
            "free is counted in full: weight the difference given - free": lambda g, f, w: (
                f + w * g
            ),
            "the weight may be larger than 1: that is the point of it": lambda g, f, w: (
                guided_velocity(g, f, min(w, 1.0))
            ),
        },
    ),
)
