"""One process at a time in a run folder."""

import contextlib

import portalocker

from genai_keras.errors import UserError, cleaning_up

NAME = "run.pid"  # contains the process number; the lock itself is on `run.pid.lock` next to it


@contextlib.contextmanager
def locked(folder):
    """Keeps other processes out of a run folder.

    The operating system holds the lock and releases it when the process ends in any way, so files
    of a killed process do not block the folder.

    Raises:
        UserError: another process has the lock; the message gives its number.
    """
    lock = portalocker.PidFileLock(folder / NAME)
    try:
        lock.acquire()
    except portalocker.AlreadyLocked:
        holder = lock.read_pid()
        raise UserError(
            f"{folder} is in use by process {holder or '(unknown)'}: wait for it, or use "
            "another `run_dir`"
        ) from None
    except portalocker.LockException as error:
        raise UserError(
            f"{folder} cannot be locked ({error}): use a `run_dir` on a local disk"
        ) from None
    try:
        yield
    finally:
        with cleaning_up(f"the lock {folder / NAME} could not be removed"):
            lock.release()


def is_free_of_files(folder, *spared):
    """Whether a folder is empty, or has only files of a process that was killed early.

    Args:
        folder: the folder.
        *spared: names of other files that do not count.
    """
    none = ("unfinished-", NAME)
    return all(each.name.startswith(none) or each.name in spared for each in folder.iterdir())
