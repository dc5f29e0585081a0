"""Trains one model in several processes of this machine."""

import contextlib
import signal
import sys
from importlib import import_module
from importlib.util import find_spec

from genai_keras.cli.command import command
from genai_keras.cli.launch_options import LaunchConfig
from genai_keras.cli.next_steps import resume_command
from genai_keras.cli.options import Config, TrainConfig
from genai_keras.cli.parsing import parse_config
from genai_keras.cli.processes import free_ports, started, wait
from genai_keras.errors import UsageError


@command(LaunchConfig)
def main(config):
    """Trains one model in several processes of this machine."""
    name, *options = config.line
    options.append("--devices=cluster")
    of_run = parse_config(_config_class(name), options)
    # The default folder contains the time, but all workers need the same one.
    line = [f"genai_keras.{name}", *options, "--run-dir", str(of_run.run_dir)]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(config.workers)]
    with contextlib.ExitStack() as opened:
        workers = [opened.enter_context(started(i, addresses, line)) for i in range(len(addresses))]
        try:
            wait(workers)
        except KeyboardInterrupt as interrupt:
            number = interrupt.args[0] if interrupt.args else signal.SIGINT
            for worker in workers:
                worker.send_signal(number)
            wait(workers)
    codes = [worker.returncode for worker in workers]
    for index, code in enumerate(codes):
        if code < 0:
            print(f"worker {index} was ended by {signal.Signals(-code).name}", file=sys.stderr)
    if codes[0] < 0 and of_run.has_begun():  # otherwise it has said so itself
        print(f"to continue: {resume_command(of_run, config.workers)}", file=sys.stderr)
    failures = [code for code in codes if code]
    raise SystemExit(next((code for code in failures if code > 0), 1 if failures else 0))


def _config_class(name):
    """That of a command that trains."""
    found = name.isidentifier() and find_spec(f"genai_keras.{name}")
    main = getattr(import_module(found.name), "main", None) if found else None
    cls = getattr(main, "config_class", Config)
    if not issubclass(cls, TrainConfig):
        raise UsageError(f"{name} does not train: use a command that does, such as train_gan")
    return cls


if __name__ == "__main__":
    sys.exit(main())
