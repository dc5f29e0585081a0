"""Marks a function that a learner wrote, and names the mistake if it is a common one."""

import contextlib
import copy
import importlib
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genai_keras.cli.tool_options import CHAPTERS

SECONDS = 10  # limit for an answer, to detect an endless loop
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}  # answers may compute in float32


@dataclass(frozen=True)
class Exercise:
    """A function to fill in.

    Args:
        truth: the right function. The learner's function has the same name, unless `name` is given.
        cases: a function of a `np.random.Generator` that returns a list of tuples of arguments
            (NumPy arrays or numbers) to try both functions on. Other random numbers must give other
            right answers.
        mistakes: wrong functions by the hint that names the mistake. A learner's answer that agrees
            with one of them in every case gets its hint.
        name: name of the learner's function.
    """

    truth: Callable
    cases: Callable
    mistakes: dict[str, Callable]
    name: str = ""

    def __post_init__(self):
        object.__setattr__(self, "name", self.name or self.truth.__name__)


@dataclass(frozen=True)
class Verdict:
    """The mark of one exercise, and the reason for it."""

    name: str
    status: Literal["right", "wrong", "not done yet"]
    reason: str = ""

    def __str__(self):
        return f"{self.status}: {self.reason}" if self.reason else self.status


def exercises_of(chapter):
    """The exercises of one of `CHAPTERS`, a tuple of `Exercise`."""
    return importlib.import_module(f"genai_keras.course.{chapter}").EXERCISES


class WrongAnswer(AssertionError):
    """An answer is wrong, or not done yet. In a notebook, only its message is shown."""

    def _render_traceback_(self):  # where IPython would show the lines of this module
        return [str(self)]


def check(answer, seed=0):
    """Prints that a function is right, or raises what is probably wrong with it.

    Args:
        answer: the function, with the name given in the exercise.
        seed: seed of the inputs it is tried on.

    Returns:
        True, if it is right.

    Raises:
        WrongAnswer: it is not; the message names the likely mistake.
        ValueError: no exercise has that name.
    """
    exercises = [each for chapter in CHAPTERS for each in exercises_of(chapter)]
    found = next((each for each in exercises if each.name == answer.__name__), None)
    if found is None:
        raise ValueError(f"no exercise is called {answer.__name__}")
    verdict = mark(found, answer, seed)
    if verdict.status != "right":
        raise WrongAnswer(f"{verdict.name}: {verdict}")
    print(f"{verdict.name}: {verdict}")
    return True


def mark(exercise, answer, seed=0):
    """Tries an answer on inputs drawn with a seed, and returns a `Verdict`.

    The answer is right if it agrees with the truth on all inputs, to 1e-4.
    """

    def verdict(status, reason=""):
        return Verdict(exercise.name, status, reason)

    if not callable(answer):
        return verdict("wrong", f"{exercise.name} is not a function, but {answer!r}")
    cases = exercise.cases(np.random.default_rng(seed))
    expected = [_as_array(exercise.truth(*arguments)) for arguments in cases]
    found = []
    for arguments in cases:
        given = copy.deepcopy(arguments)
        try:
            with _no_longer_than(SECONDS), np.errstate(all="ignore"):
                returned = answer(*given)
        except NotImplementedError:
            return verdict("not done yet")
        except Exception as error:  # the learner should see whatever the code raises
            return verdict("wrong", f"it raised {type(error).__name__}: {error}{_where(error)}")
        if returned is None:
            return verdict("wrong", "it returned None: does it end with a return statement?")
        try:
            found.append(_as_array(returned))
        except _DifferentShapes as error:
            return verdict("wrong", str(error))
        except (ValueError, TypeError):
            return verdict("wrong", f"it must return numbers, not {type(returned).__name__}")
        if not _same(given, arguments):
            return verdict("wrong", "it changes its arguments: compute a new array instead")
    if _agree(found, expected):
        return verdict("right")
    for hint, mistake in exercise.mistakes.items():
        if _agree(found, _outcomes(mistake, cases)):
            return verdict("wrong", hint)
    return verdict("wrong", _difference(found, expected, cases))


class _DifferentShapes(ValueError):
    """The parts of an answer cannot be compared as one array."""


def _outcomes(mistake, cases):
    with np.errstate(all="ignore"):
        return [_as_array(mistake(*copy.deepcopy(arguments))) for arguments in cases]


def _as_array(value):
    """An answer as float64; the parts of a tuple are stacked."""
    if isinstance(value, (tuple, list)):
        parts = [np.asarray(each, "float64") for each in value]
        if len({part.shape for part in parts}) > 1:
            shapes = ", ".join(str(part.shape) for part in parts)
            raise _DifferentShapes(f"its parts have different shapes: {shapes}")
        return np.stack(parts) if parts else np.zeros(0)
    return np.asarray(value, "float64")


def _agree(ours, theirs):
    return all(
        a.shape == b.shape and np.allclose(a, b, equal_nan=True, **TOLERANCE)
        for a, b in zip(ours, theirs, strict=True)
    )


def _same(given, arguments):
    return all(np.array_equal(a, b, equal_nan=False) for a, b in zip(given, arguments, strict=True))


def _difference(found, expected, cases):
    """A description of a wrong answer whose mistake is not a common one."""
    pairs = list(zip(found, expected, strict=True))
    for ours, right in pairs:
        if ours.shape != right.shape:
            return f"it returns the shape {ours.shape}, but {right.shape} is expected"
    if any(np.isfinite(right).all() and not np.isfinite(ours).all() for ours, right in pairs):
        return (
            "it returns nan or infinity: is there log(0), 0/0, the root of a negative number, or "
            "exp of a large number? softplus and logsumexp stay finite"
        )
    ours, right = (np.concatenate([np.ravel(each[i]) for each in pairs]) for i in (0, 1))
    some = np.isfinite(right) & (np.abs(right) > 1e-6)
    ratios = ours[some] / right[some]
    if some.any() and np.allclose(ours[~some], right[~some]) and np.ptp(ratios) < 1e-4:
        if abs(ratios[0] + 1.0) < 1e-4:
            return "the sign is wrong"
        return f"it is always {ratios[0]:.4g} times the expected value"
    differs = [not _agree([a], [b]) for a, b in pairs].index(True)
    arguments = ", ".join(_short(each) for each in cases[differs])
    return (
        f"for ({arguments}) it returns {_short(found[differs])}, but {_short(expected[differs])} "
        "is expected"
    )


def _short(value):
    """A value in one line, short enough to read."""
    if callable(value):
        return value.__name__
    value = np.asarray(value)
    if value.size > 12:
        return f"an array of {value.shape}"
    return np.array2string(value, precision=4, separator=", ").replace("\n", "")


def _where(error):
    """The line of the cell or file that raised the error."""
    trace = error.__traceback__
    line = None
    while trace:
        if trace.tb_frame.f_code.co_filename.startswith("<answers"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""


@contextlib.contextmanager
def _no_longer_than(seconds):
    """Raises TimeoutError in the main thread, if the system has alarms."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(number, frame):
        raise TimeoutError(f"no answer after {seconds} seconds: is there an endless loop?")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
