"""The processes of the workers that `launch` starts."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

from genai_keras.cli.next_steps import WORKERS

END = 90  # seconds in which all end after one has failed


def free_ports(count):
    """Ports of this machine that no other program uses."""
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]


def tf_config(addresses, index):
    """The variable `TF_CONFIG` of a worker, as a dictionary.

    Args:
        addresses: `host:port` of all workers.
        index: number of the worker.
    """
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {"TF_CONFIG": json.dumps(config)}


@contextlib.contextmanager
def started(index, addresses, line):
    """A process whose output is printed with its number; killed in the end, if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", *line],
        env={**os.environ, WORKERS: str(len(addresses)), **tf_config(addresses, index)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C comes from here, and not twice
    )
    pairs = (process.stdout, sys.stdout), (process.stderr, sys.stderr)
    printers = [threading.Thread(target=_print, args=(index, *pair)) for pair in pairs]
    for printer in printers:
        printer.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for printer in printers:
            printer.join()


def _print(index, source, target):
    for line in source:
        text = line.decode(errors="replace").rstrip()
        with contextlib.suppress(OSError):  # nobody reads that
            print(f"[{index}] {text}" if text else "", file=target, flush=True)


def wait(workers):
    """Waits until all have ended; kills those that do not although another has failed."""
    end = None
    while None in (codes := [worker.poll() for worker in workers]):
        if any(codes):
            end = end or time.monotonic() + END
            if time.monotonic() > end:
                return
        time.sleep(0.1)
