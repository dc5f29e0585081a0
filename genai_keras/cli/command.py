"""What every command does: parse, run, and turn failures into one line and an exit code."""

import contextlib
import functools
import os
import signal
import sys
import threading

from genai_keras.cli.environment import own_settings
from genai_keras.cli.parsing import parse_config
from genai_keras.errors import Interrupted, TrainingDiverged, UserError, WorkerLost, one_line

CLOSED_PIPE = 141  # 128 + SIGPIPE, as of other programs that write to a pipe nobody reads


def command(config_class):
    """Makes `main(argv=None)`, which returns the exit code, from a function of a config.

    Exit codes: 0 done; 1 a failure, in one line; 2 options that cannot be used together, whatever
    the files contain; 3 diverged; 130 Ctrl-C; 141 nobody reads the output; 143 SIGTERM.
    With `--debug`, the failure is raised with its traceback instead.
    """

    def decorate(body):
        @ends_with_its_reader
        @functools.wraps(body)
        def main(argv=None):
            argv = sys.argv[1:] if argv is None else list(argv)
            _print_anything()
            config, received = None, []
            try:
                with _ended_by_signals(received):
                    config = parse_config(config_class, argv, description=body.__doc__)
                    config.announce()  # at once: importing TensorFlow takes seconds
                    in_cluster = getattr(config, "devices", None) == "cluster"
                    with own_settings(config.debug, in_cluster, config.uses_keras):
                        if received:  # an import may have taken the exception for one of its own
                            raise KeyboardInterrupt
                        with config.scope():
                            body(config)
                            config.conclude()
                    return 0
            except SystemExit as stop:  # argparse's: 0 after --help, 2 for unusable arguments
                return stop.code
            except Interrupted as stop:
                _say(stop)
                return stop.exit_code
            except BrokenPipeError:
                if _has_begun(config):
                    _say(f"nobody reads the output{_how_to_go_on(config)}")
                raise
            except (KeyboardInterrupt, Exception) as failure:
                # What was running may have made an exception of its own from that of a signal.
                if not isinstance(failure, TrainingDiverged) and (
                    received or isinstance(failure, KeyboardInterrupt)
                ):
                    _say(f"\ninterrupted{_how_to_go_on(config)}")
                    return 128 + (received[0] if received else signal.SIGINT)
                if "--debug" in argv:
                    raise
                then = _how_to_go_on(config) if isinstance(failure, WorkerLost) else ""
                _say(f"error: {_explained(failure, config_class, config)}{then}")
                return getattr(failure, "exit_code", 1)

        main.config_class = config_class
        return main

    return decorate


def ends_with_its_reader(main):
    """Makes a `main` end quietly when nobody reads its output any more, as in `| head`."""

    @functools.wraps(main)
    def ending(argv=None):
        try:
            code = main(argv)
        except BrokenPipeError:
            _discard_output()
            return CLOSED_PIPE
        try:
            if sys.stdout:
                sys.stdout.flush()  # now, because Python itself would complain at its end
        except BrokenPipeError:
            _discard_output()
            return code or CLOSED_PIPE
        except OSError as failure:
            _discard_output()
            _say(f"error: the output cannot be written: {one_line(failure)}")
            return code or 1
        return code

    return ending


@contextlib.contextmanager
def _ended_by_signals(received):
    """Makes SIGTERM end a command as cleanly as Ctrl-C: locks are released, files removed.

    Args:
        received: a list that gets the numbers of the signals that came.
    """
    if threading.current_thread() is not threading.main_thread():  # Python forbids it elsewhere
        yield
        return

    def interrupt(number, frame):
        received.append(number)
        raise KeyboardInterrupt(number)

    former = {signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by `nohup`
        former[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _explained(failure, config_class, config):
    """A failure in one line, with what to do about it if that is known."""
    if isinstance(failure, UserError):
        return config_class.in_flags(str(failure))
    if config and "tensorflow" in sys.modules:
        from genai_keras.training.failures import shortage

        if said := shortage(failure, config):
            return config_class.in_flags(said)
    if isinstance(failure, OSError):
        return one_line(failure)
    return f"{type(failure).__name__}: {one_line(failure)} (--debug shows where it happened)"


def _has_begun(config):
    return getattr(config, "run_dir", None) is not None and config.has_begun()


def _how_to_go_on(config):
    return f"; to continue: {config.resume_command()}" if _has_begun(config) else ""


def _say(text):
    if sys.stderr:  # it may be closed
        with contextlib.suppress(OSError):  # nobody reads that, either
            print(text, file=sys.stderr, flush=True)


def _discard_output():
    """Lets Python end without writing what is left to an output that takes no more."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_anything():
    """Prints a `?` for characters that the terminal lacks, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
