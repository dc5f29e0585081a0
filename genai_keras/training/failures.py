"""One-line messages for failures of training: divergence, a full disk, too little memory."""

import contextlib
import errno
import math
import re
import tempfile
import traceback
from pathlib import Path

import tensorflow as tf

from genai_keras.errors import TrainingDiverged, UserError, cleaning_up, one_line
from genai_keras.training.divergence import BROKEN_DATA, where_it_began

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # error numbers of a full disk
PROBE = 1 << 20  # bytes to write as a test for free space
# What needs the memory that a room asks for, and the options that make it smaller.
MODEL = (
    "generator_widths", "discriminator_widths", "widths", "dense_units", "width", "hidden_units",
    "latent_dim", "context_length",
)  # fmt: skip
DATA = "the data do", ("limit", "image_size")
NEEDS = {
    "data": DATA,
    "training.prepare": DATA,  # which reads them
    "networks": ("the model does", MODEL),
    "layers": ("the model does", MODEL),
    "models": ("the model does", MODEL),
    "training": ("a training step does", ("batch_size", *MODEL)),
}
ANYTHING = (
    "what it needs does",
    ("count", "length", "samples", "likelihoods", "generated", "batch_size", "limit", *MODEL),
)


@contextlib.contextmanager
def told_in_one_line(model, train, checkpoint, config, callbacks):
    """Ends failed training cleanly, with one line that says what happened and what to do.

    Callbacks close their files and make their animations. What fails in that is a warning.

    Args:
        model: the model in training.
        train: the `Batches` it is trained on.
        checkpoint: the `CheckpointCallback` of the run.
        config: the `TrainConfig` of the run.
        callbacks: all callbacks of `fit`.
    """
    try:
        yield
    except Exception as error:
        _end(callbacks, error, config.run_dir)
        if isinstance(error, TrainingDiverged):
            raise TrainingDiverged(_explained(error, model, train, checkpoint, config)) from None
        if said := shortage(error, config, checkpoint and checkpoint.checkpoints):
            raise UserError(said) from None
        # An error from decoding a streamed image: TensorFlow passes on only its text.
        if isinstance(error, tf.errors.OpError) and (
            found := re.search(r"UserError: (.*)", error.message)
        ):
            raise UserError(found.group(1)) from None
        raise


def shortage(error, config, checkpoints=None):
    """What to do about a full disk or too little memory, in a line; None for other failures.

    Args:
        error: the exception.
        config: the `Config` of the command.
        checkpoints: the `Checkpoints` of a run in training.
    """
    run_dir = getattr(config, "run_dir", None)  # of a command that trains
    folder = run_dir or getattr(config, "out", None) or getattr(config, "run", None) or Path()
    if _is_full(error, folder):
        kept = checkpoints and checkpoints.has_complete()
        kept = ". The last checkpoint is complete" if kept else ""
        then = config.resume_command() if run_dir and config.has_begun() else "start again"
        return (
            f"there is no space left to write to {folder} ({one_line(error)}){kept}: free some "
            f"space, then {then}"
        )
    if not _is_out_of_memory(error):
        return None
    for needs in (NEEDS.get(_room_of(error), ANYTHING), ANYTHING):
        what, smaller = needs
        if options := [f"`{name}`" for name in smaller if hasattr(config, name)]:
            break
    listed = " or ".join(filter(None, (", ".join(options[:-1]), *options[-1:])))
    way_out = f"use a smaller {listed}" if options else "close other programs"
    if "`batch_size`" in options and hasattr(config, "accumulate"):
        way_out += ", or a larger `accumulate`"
    return f"{what} not fit into memory{_size_in(error)}: {way_out}"


def _end(callbacks, error, folder):
    """Lets callbacks close their files and make their animations after a failure."""
    for callback in callbacks:
        with cleaning_up(f"{type(callback).__name__} did not end in order"):
            try:
                callback.on_train_end()
            except AttributeError:
                pass  # it had not begun
            except Exception as second:
                if not (_is_full(error, folder) and _is_full(second, folder)):  # said once
                    raise


def _is_full(error, folder):
    """Whether the cause of an error is a full disk."""
    if isinstance(error, OSError):
        return error.errno in FULL
    # TensorFlow has the same error class for a full disk and too little memory.
    return isinstance(error, tf.errors.ResourceExhaustedError) and not _has_room(folder)


def _has_room(folder):
    try:
        with tempfile.TemporaryFile(dir=folder if folder.is_dir() else folder.parent) as file:
            file.write(bytes(PROBE))
            file.flush()
    except OSError as error:
        return error.errno not in FULL
    return True


def _is_out_of_memory(error):
    # A GPU that is full fails in the second way, too.
    return isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)) or (
        isinstance(error, tf.errors.InternalError) and "Dst tensor is not initialized" in str(error)
    )


def _room_of(error):
    """The first room in `NEEDS` on the way to where an error was raised, or None."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        package, _, rest = frame.f_globals.get("__name__", "").partition(".")
        for room in (rest, rest.split(".")[0]):
            if package == "genai_keras" and room in NEEDS:
                return room
    return None


def _size_in(error):
    """How large the thing was that did not fit, in brackets, or what else the error says."""
    said = str(error)
    if found := re.search(r"allocate ([\d.]+ \w+) for an array with shape (\([\d, ]+\))", said):
        return f" (an array of shape {found[2]}, {found[1]})"
    if found := re.search(r"shape\s?\[([\d,]+)\] and type (\w+)", said):
        shape = tuple(map(int, found[1].split(",")))
        size = math.prod(shape) * tf.as_dtype(found[2]).size
        return f" (a tensor of shape {shape}, {size / 2**30:,.3g} GiB)"
    return f" ({one_line(error)})" if said else ""


def _explained(error, model, train, checkpoint, config):
    """What diverged first and why, found by repeating the steps since the last checkpoint."""
    if not checkpoint.checkpoints.has_complete():
        return str(error)
    last_step = checkpoint.step
    try:
        checkpoint.restore()
        found = where_it_began(model, train, checkpoint.step, last_step)
    except (Exception, KeyboardInterrupt) as second:  # it did diverge, wherever it began
        return f"{error}; where it began cannot be told: {one_line(second)}"
    kept = f"step {checkpoint.step} is kept as the last checkpoint"
    smaller = f"try a smaller `learning_rate` than {config.learning_rate:g}"
    if found is None:
        return f"{error}; {kept}; the usual cause is a learning rate that is too large: {smaller}"
    step, what, cause = found
    return (
        f"training diverged at step {step}: the first unusable number was {what}; {kept}; the "
        f"usual cause is {cause}: {'repair the data' if cause == BROKEN_DATA else smaller}"
    )
