"""Failures that a user can fix: a command prints them as one line, without a traceback."""


class UserError(ValueError):
    """A problem that the user can fix; the message says how. Ends a command with exit code 1."""

    exit_code = 1


class UsageError(UserError):
    """Options that contradict each other or the run. Exit code 2, as in argparse."""

    exit_code = 2


class TrainingDiverged(UserError):
    """A loss or a weight is no longer a finite number. Ends a command with exit code 3."""

    exit_code = 3


class Interrupted(Exception):
    """Training was stopped by a signal, after a checkpoint. Exit code 128 + the signal's number."""

    def __init__(self, message, signal_number):
        super().__init__(message)
        self.exit_code = 128 + signal_number
