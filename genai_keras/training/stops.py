"""Callbacks that end training early: out of time, or told to by a signal."""

import os
import signal
import threading
import time

import keras

from genai_keras.errors import Interrupted


class TimeLimit(keras.callbacks.Callback):
    """Stops training after a time, with a checkpoint, also in the middle of an epoch.

    Args:
        minutes: of wall-clock time from the beginning of training, its compilation included.
        checkpoint: the run's `CheckpointCallback`.
    """

    def __init__(self, minutes, checkpoint):
        super().__init__()
        self.end = time.monotonic() + 60 * minutes
        self.minutes = minutes
        self.checkpoint = checkpoint

    def on_train_batch_end(self, batch, logs=None):
        if time.monotonic() >= self.end and not self.model.stop_training:
            # Saved now and not after validation, which would overwrite the metrics so far. After
            # an epoch's last step there is nothing to lose: its end saves a checkpoint anyway.
            if not self.checkpoint.at_epochs_end:
                self.checkpoint.save()
            self.model.stop_training = True
            print(f"\nstopped after {self.minutes:g} minutes, at step {self.checkpoint.step}")


class SignalStop(keras.callbacks.Callback):
    """Turns Ctrl-C and SIGTERM into a checkpoint after the current step, then an `Interrupted`.

    A context manager: the handlers are in place inside it. A second signal does what it always did:
    it ends the process at once.

    Args:
        checkpoint: the run's `CheckpointCallback`.
        resume_command: what to type to go on.
    """

    def __init__(self, checkpoint, resume_command):
        super().__init__()
        self.checkpoint = checkpoint
        self.resume_command = resume_command
        self.received = None
        self.former = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():  # elsewhere Python forbids it
            for number in (signal.SIGINT, signal.SIGTERM):
                self.former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *failure):
        self._put_back()

    def on_train_batch_end(self, batch, logs=None):
        # After its last step an epoch is let finish: validation, history and image belong to it.
        if self.received and not self.checkpoint.at_epochs_end:
            self.checkpoint.save()
            self.stop()

    def on_epoch_end(self, epoch, logs=None):  # after the checkpoint callback's
        self.stop()

    def stop(self):
        """Raises `Interrupted` if a signal has come; the state must have been saved."""
        if self.received:
            raise Interrupted(
                f"\nstopped by {self.received.name} at step {self.checkpoint.step}, after a "
                f"checkpoint; to continue: {self.resume_command}",
                self.received,
            )

    def _receive(self, number, frame):
        self.received = signal.Signals(number)
        self._put_back()
        # Not `print`, which may have been in the middle of a line when the signal came.
        os.write(2, b"\nfinishing this step, then saving; once more ends it at once\n")

    def _put_back(self):
        for number, handler in self.former.items():
            signal.signal(number, handler)
        self.former = {}
