"""One-line messages for failures of training: divergence, a full disk, too little memory."""

import contextlib
import errno
import re
import tempfile

import tensorflow as tf

from genai_keras.errors import Interrupted, TrainingDiverged, UserError
from genai_keras.training.divergence import BROKEN_DATA, where_it_began

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # error numbers of a full disk
PROBE = 1 << 20  # bytes to write as a test for free space


@contextlib.contextmanager
def told_in_one_line(model, train, checkpoint, config, callbacks):
    """Ends failed training cleanly, with one line that says what happened and what to do.

    Callbacks close their files and make their animations.

    Args:
        model: the model in training.
        train: the `Batches` it is trained on.
        checkpoint: the `CheckpointCallback` of the run.
        config: the `TrainConfig` of the run.
        callbacks: all callbacks of `fit`.
    """
    try:
        yield
    except (Interrupted, UserError, OSError, tf.errors.OpError) as error:
        for callback in callbacks:
            # Only the first failure counts, and a callback may not have started.
            with contextlib.suppress(OSError, tf.errors.OpError, AttributeError):
                callback.on_train_end()
        if isinstance(error, TrainingDiverged):
            raise TrainingDiverged(_explained(error, model, train, checkpoint, config)) from None
        said = str(getattr(error, "message", error))
        if _is_full(error, config.run_dir):
            raise UserError(
                f"there is no space left to write to {config.run_dir} ({said.splitlines()[0]}). "
                f"The last checkpoint is complete: free some space, then {config.resume_command()}"
            ) from None
        # An error from decoding a streamed image: TensorFlow passes on only its text.
        if found := re.search(r"UserError: (.*)", said):
            raise UserError(found.group(1)) from None
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise UserError(
                "a training step does not fit into memory: use a smaller `batch_size`, or a "
                "smaller model"
            ) from None
        raise


def _is_full(error, folder):
    """Whether the cause of an error is a full disk."""
    if isinstance(error, OSError):
        return error.errno in FULL
    # TensorFlow has the same error class for a full disk and too little memory.
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
        return f"{error}; {kept}; the usual cause is a learning rate that is too large: {smaller}"
    step, what, cause = found
    return (
        f"training diverged at step {step}: the first unusable number was {what}; {kept}; the "
        f"usual cause is {cause}: {'repair the data' if cause == BROKEN_DATA else smaller}"
    )
