"""Starts several workers on this machine that train one model together."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib import import_module

from genai_keras.cli.command import command
from genai_keras.cli.launch_options import LaunchConfig
from genai_keras.cli.parsing import parse_config

END = 90  # seconds in which all end after one has failed


@command(LaunchConfig)
def main(config):
    """Starts several workers on this machine that train one model together."""
    name, *options = config.line
    of_run = parse_config(import_module(f"genai_keras.{name}").main.config_class, options)
    # The default folder contains the time, but all workers need the same one.
    line = [f"genai_keras.{name}", *options, "--run-dir", str(of_run.run_dir), "--devices=cluster"]
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(config.workers)]
    with contextlib.ExitStack() as opened:
        workers = [opened.enter_context(_worker(i, addresses, line)) for i in range(len(addresses))]
        try:
            _wait(workers)
        except KeyboardInterrupt as interrupt:
            number = interrupt.args[0] if interrupt.args else signal.SIGINT
            for worker in workers:
                worker.send_signal(number)
            _wait(workers)
    codes = [worker.returncode for worker in workers]
    for index, code in enumerate(codes):
        if code < 0:
            print(f"worker {index} was ended by {signal.Signals(-code).name}", file=sys.stderr)
    if codes[0] < 0 and of_run.has_begun():  # otherwise it has said so itself
        os.environ |= _settings(config.workers)
        print(f"to continue: {of_run.resume_command()}", file=sys.stderr)
    failures = [code for code in codes if code]
    raise SystemExit(next((code for code in failures if code > 0), 1 if failures else 0))


def _settings(count):
    return {"GENAI_KERAS_WORKERS": str(count)}


def _free_ports(count):
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]


@contextlib.contextmanager
def _worker(index, addresses, line):
    """A process whose output is printed with its number; killed in the end, if it still runs."""
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    process = subprocess.Popen(
        [sys.executable, "-m", *line],
        env={**os.environ, **_settings(len(addresses)), "TF_CONFIG": json.dumps(cluster)},
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


def _wait(workers):
    """Waits until all have ended; kills those that do not although another has failed."""
    end = None
    while None in (codes := [worker.poll() for worker in workers]):
        if any(codes):
            end = end or time.monotonic() + END
            if time.monotonic() > end:
                return
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
