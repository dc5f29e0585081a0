"""What ends training early, in one line: divergence, a full disk, too little memory."""

import contextlib
import errno
import re
import tempfile

import tensorflow as tf

from genai_keras.errors import Interrupted, TrainingDiverged, UserError
from genai_keras.training.divergence import BROKEN_DATA, where_it_began

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a full disk is called
PROBE = 1 << 20  # bytes that are written to see whether there is room


@contextlib.contextmanager
def told_in_one_line(model, train, checkpoint, config, callbacks):
    """Ends training that fails in order, and says in one line what happened and what to do.

    Callbacks close their files and make their animations.

    Args:
        model: what is trained.
        train: the `Batches` it is trained on.
        checkpoint: the run's `CheckpointCallback`.
        config: the run's `TrainConfig`.
        callbacks: all callbacks of its `fit`.
    """
    try:
        yield
    except (Interrupted, UserError, OSError, tf.errors.OpError) as error:
        for callback in callbacks:
            # The first failure counts; and a callback may not have begun.
            with contextlib.suppress(OSError, tf.errors.OpError, AttributeError):
                callback.on_train_end()
        if isinstance(error, TrainingDiverged):
            raise TrainingDiverged(_explained(error, model, train, checkpoint, config)) from None
        said = str(getattr(error, "message", error))
        if _is_full(error, config.run_dir):
            raise UserError(
                f"there is no room left to write to {config.run_dir} ({said.splitlines()[0]}); "
                f"its last checkpoint is whole: make room, then {config.resume_command()}"
            ) from None
        # What a streamed image's decoding raised: TensorFlow hands on its text and nothing else.
        if found := re.search(r"UserError: (.*)", said):
            raise UserError(found.group(1)) from None
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise UserError(
                "a training step does not fit into memory: use a smaller `batch_size`, or a "
                "smaller model"
            ) from None
        raise


def _is_full(error, folder):
    """Whether something could not be written since there is no room for it."""
    if isinstance(error, OSError):
        return error.errno in FULL
    # TensorFlow has one class for a full disk and for too little memory.
    return isinstance(error, tf.errors.ResourceExhaustedError) and not _has_room(folder)


def _has_room(folder):
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE))
            file.flush()
    except OSError as error:
        return error.errno not in FULL
    return True


def _explained(error, model, train, checkpoint, config):
    """What diverged first and why, found by repeating the steps since the last checkpoint."""
    last_step = checkpoint.step
    try:
        checkpoint.restore()
    except UserError as damaged:
        return f"{error}; {damaged}"
    kept = f"step {checkpoint.step} is kept as the last checkpoint"
    smaller = f"try a smaller `learning_rate` than {config.learning_rate:g}"
    found = where_it_began(model, train, checkpoint.step, last_step)
    if found is None:
        return f"{error}; {kept}; usually it is by a step that is too large: {smaller}"
    step, what, cause = found
    return (
        f"training diverged at step {step}: the first that was lost was {what}; {kept}; usually it "
        f"is by {cause}: {'repair the data' if cause == BROKEN_DATA else smaller}"
    )
