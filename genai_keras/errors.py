"""Failures that a user can fix: a command prints them as one line, without a traceback."""

import contextlib
import re
import sys

LONGEST = 400  # characters of a failure that is told in one line
NAMED = 8  # names in a message
# What Keras and TensorFlow say around the message proper of an error: where a graph was made.
AROUND = re.compile(
    r"Graph execution error|Detected at node|File \"|\[\[\{\{node|Hint: |Traceback \(|<stack trace"
)
# Keras sets the message itself in bold, between where it was raised and the arguments of the call.
BOLD = re.compile(r"\x1b\[1m(.+?)\x1b\[0m", re.DOTALL)
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def one_line(error):
    """What an exception says, as one short line; the name of its type if it says nothing."""
    text = str(getattr(error, "message", None) or error)
    if bold := BOLD.search(text):
        text = bold[1]
    lines = ESCAPES.sub("", text).splitlines()
    kept = [line for line in lines if not AROUND.match(line.strip())]
    words = " ".join(" ".join(kept).split()).replace("`", "'")  # backticks are for our arguments
    words = "".join(each if each.isprintable() else "?" for each in words)
    if len(words) > LONGEST:
        words = words[: LONGEST - 3]
        if " " in words[LONGEST // 2 :]:  # Chinese and paths may have no spaces
            words = words.rsplit(" ", 1)[0]
        words += "..."
    return words or type(error).__name__


def printable(text):
    """A text in which a line break or a byte that is no character is visible, as an escape."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def listed(names):
    """The first of some names, as a text."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED + 2 else ""
    return ", ".join(names[: NAMED if more else None]) + more


def warn(*messages):
    """Prints a line for each message, where it is not mistaken for a result."""
    for each in messages:
        if sys.stderr:  # it may be closed
            print(f"warning: {each}", file=sys.stderr)


@contextlib.contextmanager
def cleaning_up(what):
    """Tells a failure of clean-up in a line of its own, so that it replaces no earlier one.

    Args:
        what: what could not be done, such as "the lock could not be removed".
    """
    try:
        yield
    except Exception as error:
        with contextlib.suppress(OSError):  # nobody reads it
            warn(f"{what}: {one_line(error)}")


class UserError(ValueError):
    """A problem that the user can fix; the message says how. Ends a command with exit code 1."""

    exit_code = 1

    def __init__(self, message):
        super().__init__(printable(message))  # the name of a file may have a line break


class UsageError(UserError):
    """Options that contradict each other or the run. Exit code 2, as in argparse."""

    exit_code = 2


class TrainingDiverged(UserError):
    """A loss or a weight is no longer a finite number. Ends a command with exit code 3."""

    exit_code = 3


class WorkerLost(UserError):
    """Another worker of the run has ended or does not answer."""


class Interrupted(Exception):
    """Training was stopped by a signal, after a checkpoint. Exit code 128 + the signal's number."""

    def __init__(self, message, signal_number):
        super().__init__(message)
        self.exit_code = 128 + signal_number
