"""The skeleton of every command: parse, run, and turn failures into one line and an exit code."""

import functools
import os
import sys

from genai_keras.errors import Interrupted, UserError
from genai_keras.parsing import parse_config


def command(config_class):
    """Makes `main(argv=None)`, which returns the exit code, from a function of a config.

    Exit codes: 0 done; 1 a failure the user can mend; 2 usage; 3 diverged; 130 Ctrl-C; 143 SIGTERM.
    `--debug` raises the failure instead, with its traceback.
    """

    def decorate(body):
        @functools.wraps(body)
        def main(argv=None):
            argv = sys.argv[1:] if argv is None else list(argv)
            _print_anything()
            try:
                config = parse_config(config_class, argv, description=body.__doc__)
                os.environ.setdefault("KERAS_BACKEND", "tensorflow")
                if not config.debug:
                    import genai_keras.quiet  # noqa: F401
                body(config)
                return 0
            except SystemExit as stop:  # argparse's: 0 after --help, 2 for unusable arguments
                return stop.code
            except Interrupted as stop:
                print(stop, file=sys.stderr)
                return stop.exit_code
            except KeyboardInterrupt:
                print("interrupted", file=sys.stderr)
                return 130
            except (UserError, OSError) as error:
                if "--debug" in argv:
                    raise
                print(f"error: {error}", file=sys.stderr)
                return getattr(error, "exit_code", 1)

        return main

    return decorate


def _print_anything():
    """Makes a terminal that has not all characters show a `?` for them, and not end the run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
