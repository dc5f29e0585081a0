"""Wrong answers to chapter 8 as learners give them, each with a part of the hint it should get."""

import math

import numpy as np
from keras import ops


def times_along_columns(noise, data, t):
    point = noise + t * (data - noise)
    return point, data - noise


def data_at_time_zero(noise, data, t):
    t = np.reshape(t, (-1, 1))
    return t * noise + (1.0 - t) * data, noise - data


def backwards_point(noise, data, t):
    t = ops.expand_dims(t, -1)
    return data + t * (noise - data), data - noise


def backwards_velocity(noise, data, t):
    rows = zip(noise, data, t, strict=True)
    points = [(1 - time) * z + time * x for z, x, time in rows]
    return np.array(points), noise - data


def what_is_left(noise, data, t):
    t = t.reshape(-1, 1)
    point = (1 - t) * noise + t * data
    return [point, data - point]


def target_of_diffusion(x, t, mean, deviation):
    precision = 1 / ((1 - t) * (1 - t) + t * t * deviation * deviation)
    return mean + precision * t * deviation * deviation * (x - t * mean)


def towards_the_mean(x, t, mean, deviation):
    return (mean - x) / (1.0 - t)


def centred_on_the_data(x, t, mean, deviation):
    variance = (1 - t) ** 2 + (t * deviation) ** 2
    return mean + (t * deviation**2 - 1 + t) * (x - mean) / variance


def with_a_plus(x, t, mean, deviation):
    variance = (1 - t) ** 2 + (t * deviation) ** 2
    return mean + (t * deviation**2 + (1 - t)) / variance * (x - t * mean)


def correlation_for_a_slope(x, t, mean, deviation):
    spread = math.hypot(1 - t, t * deviation)
    return mean + (t * deviation**2 - (1 - t)) / spread * (x - t * mean)


def euler(velocity, x, t, step):
    return x + velocity(x, t) * step


def midpoint(velocity, x, t, step):
    middle = x + 0.5 * step * velocity(x, t)
    return x + step * velocity(middle, t + 0.5 * step)


def time_stands_still(velocity, x, t, step):
    first = velocity(x, t)
    guess = x + step * first
    return x + step * 0.5 * (first + velocity(guess, t))


def goes_on_from_the_guess(velocity, x, t, step):
    first = velocity(x, t)
    x = x + step * first
    return x + step * (first + velocity(x, t + step)) / 2


def sum_of_both(velocity, x, t, step):
    first = velocity(x, t)
    return x + step * first + step * velocity(x + step * first, t + step)


WRONG = (
    ("straight_line", "t[:, None] multiplies rows", times_along_columns),
    ("straight_line", "noise and data are swapped", data_at_time_zero),
    ("straight_line", "the point runs backwards", backwards_point),
    ("straight_line", "from the data to the noise", backwards_velocity),
    ("straight_line", "the way that is left", what_is_left),
    ("optimal_velocity", "the mean of the data alone", target_of_diffusion),
    ("optimal_velocity", "leads straight to the mean", towards_the_mean),
    ("optimal_velocity", "around t * mean", centred_on_the_data),
    ("optimal_velocity", "with a minus", with_a_plus),
    ("optimal_velocity", "not by its deviation", correlation_for_a_slope),
    ("heun_step", "Euler's step", euler),
    ("heun_step", "the midpoint method", midpoint),
    ("heun_step", "the later time", time_stands_still),
    ("heun_step", "this walks twice", goes_on_from_the_guess),
    ("heun_step", "take their mean", sum_of_both),
    ("guided_velocity", "the weight of the paper", lambda g, f, w: (1 + w) * g - w * f),
    ("guided_velocity", "given and free are swapped", lambda g, f, w: w * f + (1 - w) * g),
    ("guided_velocity", "add it to free", lambda g, f, w: (g - f) * w),
    ("guided_velocity", "points away from the label", lambda g, f, w: f - w * (g - f)),
)
