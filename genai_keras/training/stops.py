"""Callbacks that end training early, because of a time limit or a signal."""

import contextlib
import os
import signal
import threading
import time

import keras

from genai_keras.errors import Interrupted
from genai_keras.training import workers


class TimeLimit(keras.callbacks.Callback):
    """Stops training after a time limit, with a checkpoint, even in the middle of an epoch.

    Args:
        minutes: wall-clock minutes from the beginning of training, including compilation.
        checkpoint: the `CheckpointCallback` of the run.
    """

    def __init__(self, minutes, checkpoint):
        super().__init__()
        self.end = time.monotonic() + 60 * minutes
        self.minutes = minutes
        self.checkpoint = checkpoint

    def on_train_batch_end(self, batch, logs=None):
        is_over = time.monotonic() >= self.end and not self.model.stop_training
        if workers.current().agree(is_over):
            # Saved now, because validation would overwrite the metrics so far. After the last step
            # of an epoch there is nothing to lose, because its end saves a checkpoint anyway.
            if not self.checkpoint.at_epochs_end:
                self.checkpoint.save()
            self.model.stop_training = True
            print(f"\nstopped after {self.minutes:g} minutes, at step {self.checkpoint.step}")


class SignalStop(keras.callbacks.Callback):
    """Turns Ctrl-C and SIGTERM into a checkpoint after the current step, then an `Interrupted`.

    It is a context manager, and the handlers are active inside it. A second signal has its usual
    effect: it ends the process immediately.

    Args:
        checkpoint: the `CheckpointCallback` of the run.
        resume_command: the command that continues the run.
    """

    def __init__(self, checkpoint, resume_command):
        super().__init__()
        self.checkpoint = checkpoint
        self.resume_command = resume_command
        self.received = None
        self.former = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():  # Python forbids it elsewhere
            for number in (signal.SIGINT, signal.SIGTERM):
                self.former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *failure):
        self._put_back()

    def on_train_batch_end(self, batch, logs=None):
        # After its last step, an epoch may finish with its validation, history and image.
        if self._has_come() and not self.checkpoint.at_epochs_end:
            self.checkpoint.save()
            self._raise()

    def on_epoch_end(self, epoch, logs=None):  # after that of the checkpoint callback
        self.stop()

    def stop(self):
        """Raises `Interrupted` if a signal has come; the state must already be saved."""
        if self._has_come():
            self._raise()

    def _has_come(self):
        """Whether this worker, or another one, has received a signal."""
        self.received = workers.current().agree_to_stop(self.received)
        return self.received is not None

    def _raise(self):
        name = signal.Signals(self.received).name
        raise Interrupted(
            f"\nstopped by {name} at step {self.checkpoint.step}, after a checkpoint; to continue: "
            f"{self.resume_command}",
            self.received,
        )

    def _receive(self, number, frame):
        self.received = signal.Signals(number)
        self._put_back()
        # Not `print`, which may have been in the middle of a line when the signal came. Ctrl-C also
        # ends the reader in `2>&1 | tee log`, which must not keep the checkpoint from being saved.
        with contextlib.suppress(OSError):
            os.write(2, b"\nfinishing this step, then saving; once more ends it at once\n")

    def _put_back(self):
        for number, handler in self.former.items():
            signal.signal(number, handler)
        self.former = {}
