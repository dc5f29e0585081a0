"""Commands in processes of their own that can be killed: forks of one that has imported Keras.

Starting Python with Keras costs five seconds, a fork of it next to nothing.
"""

import gc
import importlib
import multiprocessing
import os
import pickle
import pkgutil
import signal
import sys
import time

import genai_keras
from genai_keras.cli.processes import free_ports, tf_config

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


class AsWorker:
    """Makes a child worker `index` of a cluster, whose errors go to a file."""

    def __init__(self, index, addresses, errors, accident=None):
        self.index = index
        self.addresses = addresses
        self.errors = errors
        self.accident = accident

    def __call__(self):
        os.dup2(os.open(self.errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.environ |= tf_config(self.addresses, self.index)
        if self.accident:
            self.accident()


def start_workers(command, argv, folder, count=2, own=None, accidents=None):
    """Starts a command as all workers of a cluster on this machine.

    Args:
        command, argv: as in `start`.
        folder: folder for what each worker writes to the standard error.
        count: number of workers.
        own: more arguments by worker; None instead of them leaves the worker out.
        accidents: as in `start`, by worker.
    """
    folder.mkdir(exist_ok=True)
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    own, accidents = own or {}, accidents or {}
    return {
        index: start(
            command,
            [*argv, *own.get(index, ()), "--devices", "cluster"],
            AsWorker(index, addresses, folder / f"errors-{index}", accidents.get(index)),
        )
        for index in range(count)
        if own.get(index, ()) is not None
    }


def train_all(index, addresses, path):
    """Trains all families of `families.py` as a worker, and saves what became of them."""
    os.environ |= tf_config(addresses, index)
    from genai_keras.training.devices import on_devices

    with on_devices("cluster"):
        from families import FAMILIES, trained  # they compute, so the cluster comes first

        found = {family: trained(*FAMILIES[family], None) for family in FAMILIES}
    path.write_bytes(pickle.dumps(found))


def codes_of(workers, seconds=120):
    """The exit codes of all workers; None of one that has not ended in time, and is killed."""
    end = time.monotonic() + seconds
    for worker in workers.values():
        worker.join(max(0.0, end - time.monotonic()))
    codes = [worker.exitcode for worker in workers.values()]
    for worker in workers.values():
        worker.kill()
    return codes


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
