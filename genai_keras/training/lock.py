"""One process at a time in a run folder."""

import contextlib

import portalocker

from genai_keras.errors import UserError

NAME = "run.pid"  # has the process's number; the lock itself is on `run.pid.lock` beside it


@contextlib.contextmanager
def locked(folder):
    """Keeps other processes out of a run folder.

    The operating system holds the lock and lets go of it when the process ends, however it ends:
    what a killed process leaves behind is taken over.

    Raises:
        UserError: another process has it, by its number.
    """
    lock = portalocker.PidFileLock(folder / NAME)
    try:
        lock.acquire()
    except portalocker.AlreadyLocked:
        holder = lock.read_pid()
        raise UserError(
            f"{folder} is in use by process {holder or '(not known)'}: wait for it, or name "
            "another `run_dir`"
        ) from None
    except portalocker.LockException as error:
        raise UserError(
            f"{folder} cannot be locked ({error}): name a `run_dir` on a local disk"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_free_of_files(folder):
    """Whether a folder holds nothing, or only what a process that was killed early left there."""
    return not any(not path.name.startswith(("unfinished-", NAME)) for path in folder.iterdir())
