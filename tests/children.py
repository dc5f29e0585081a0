"""Commands in processes of their own that can be killed: forks of one that has imported Keras.

Starting Python with Keras costs five seconds, a fork of it next to nothing.
"""

import gc
import importlib
import multiprocessing
import os
import pkgutil
import signal
import sys

import genai_keras

CONTEXT = multiprocessing.get_context("forkserver")
# All that a command imports, in the end.
CONTEXT.set_forkserver_preload(
    [
        "genai_keras.cli.quiet",
        *(module.name for module in pkgutil.walk_packages(genai_keras.__path__, "genai_keras.")),
        "rich.progress",
        "sacrebleu",
        "tensorboard.summary.v1",
        "children",
    ]
)


def collect_seldom():
    """Looks for garbage seldom, and never among what was imported.

    Tracing makes millions of objects that live long; to look among them takes 6 % of the time.
    """
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


def start(command, argv, accident=None):
    """Starts `python -m genai_keras.COMMAND ARGV...` in a child process.

    Args:
        command: such as "train_gan".
        argv: its arguments.
        accident: a function that the child calls first, with no arguments.
    """
    child = CONTEXT.Process(target=_run, args=(command, argv, accident))
    child.start()
    return child


def finish(command, argv):
    """Runs a command in a child process to its end; returns its exit code."""
    child = start(command, argv)
    child.join()
    return child.exitcode


def _run(command, argv, accident):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    collect_seldom()
    for number in (signal.SIGINT, signal.SIGTERM):  # whatever started the tests may ignore them
        signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
    if accident:
        accident()
    sys.exit(importlib.import_module(f"genai_keras.{command}").main(argv))


class KillInSave:
    """SIGKILL at one of the moments of a save, of the run's so many-th, at the latest at its end.

    Args:
        save: how many saves to let pass.
        moment: how many moments of that save to let pass. A save has these: its `.keras` file is
            begun, half written, complete, flushed to the disk, renamed; then its manifest.
    """

    def __init__(self, save, moment):
        self.save = save
        self.moment = moment

    def __repr__(self):
        return f"save {self.save}, moment {self.moment}"

    def __call__(self):
        import zipfile

        from genai_keras.training.checkpoints import Checkpoints

        saves, inside = [], []
        save = Checkpoints.save

        def counted(*arguments, **keywords):
            saves.append(1)
            inside.append(1)
            save(*arguments, **keywords)
            if len(saves) > self.save:  # there were fewer moments
                os.kill(os.getpid(), signal.SIGKILL)
            inside.clear()

        def watched(call):
            def function(*arguments, **keywords):
                self._maybe_die(saves, inside)
                result = call(*arguments, **keywords)
                self._maybe_die(saves, inside)
                return result

            return function

        Checkpoints.save = counted
        os.fsync, os.replace = watched(os.fsync), watched(os.replace)
        zipfile.ZipFile.open = watched(zipfile.ZipFile.open)
        zipfile.ZipFile.close = watched(zipfile.ZipFile.close)

    def _maybe_die(self, saves, inside):
        if inside and len(saves) > self.save:
            inside.append(1)
            if len(inside) - 2 == self.moment:
                os.kill(os.getpid(), signal.SIGKILL)
