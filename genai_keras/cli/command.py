"""What every command does: parse, run, and turn failures into one line and an exit code."""

import contextlib
import functools
import os
import signal
import sys
import threading

from genai_keras.cli.parsing import parse_config
from genai_keras.errors import Interrupted, UserError


def command(config_class):
    """Makes `main(argv=None)`, which returns the exit code, from a function of a config.

    Exit codes: 0 done; 1 a failure that the user can fix; 2 options that cannot be used together,
    whatever the files contain; 3 diverged; 130 Ctrl-C; 143 SIGTERM.
    With `--debug`, the failure is raised with its traceback instead.
    """

    def decorate(body):
        @functools.wraps(body)
        def main(argv=None):
            argv = sys.argv[1:] if argv is None else list(argv)
            _print_anything()
            config = None
            try:
                with _terminated_like_ctrl_c():
                    config = parse_config(config_class, argv, description=body.__doc__)
                    config.announce()  # at once: importing TensorFlow takes seconds
                    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
                    if not config.debug:
                        import genai_keras.cli.quiet  # noqa: F401
                    body(config)
                    config.conclude()
                    return 0
            except SystemExit as stop:  # argparse's: 0 after --help, 2 for unusable arguments
                return stop.code
            except Interrupted as stop:
                print(stop, file=sys.stderr)
                return stop.exit_code
            except KeyboardInterrupt as stop:
                print(f"\ninterrupted{_how_to_go_on(config)}", file=sys.stderr)
                return 128 + (stop.args[0] if stop.args else signal.SIGINT)
            except (UserError, OSError) as error:
                if "--debug" in argv:
                    raise
                print(f"error: {config_class.in_flags(str(error))}", file=sys.stderr)
                return getattr(error, "exit_code", 1)

        return main

    return decorate


@contextlib.contextmanager
def _terminated_like_ctrl_c():
    """Makes SIGTERM end a command cleanly, too: locks are released, unfinished files removed."""
    if threading.current_thread() is not threading.main_thread():  # Python forbids it elsewhere
        yield
        return

    def interrupt(number, frame):
        raise KeyboardInterrupt(number)

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _how_to_go_on(config):
    folder = getattr(config, "run_dir", None)
    if not folder or not (folder / "config.json").exists():
        return ""
    return f"; to continue: {config.resume_command()}"


def _print_anything():
    """Prints a `?` for characters that the terminal lacks, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
