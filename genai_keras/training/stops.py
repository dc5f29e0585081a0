"""Callbacks that end training early: out of time, told to by a signal, or because it diverged."""

import math
import signal
import threading
import time

import keras

from genai_keras.errors import Interrupted
from genai_keras.training.checkpoints import check_weights, diverged


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

    A context manager: the handlers are in place inside it. A second signal does what it always did.

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
        # After its last step an epoch is let finish: validation, history and picture belong to it.
        if self.received and not self.checkpoint.at_epochs_end:
            self.checkpoint.save()
            self._stop()

    def on_epoch_end(self, epoch, logs=None):  # after the checkpoint callback's
        if self.received:
            self._stop()

    def _stop(self):
        raise Interrupted(
            f"\nstopped by {self.received.name} at step {self.checkpoint.step}, after a "
            f"checkpoint; to go on: {self.resume_command}",
            self.received,
        )

    def _receive(self, number, frame):
        self.received = signal.Signals(number)
        self._put_back()

    def _put_back(self):
        for number, handler in self.former.items():
            signal.signal(number, handler)
        self.former = {}


class DivergenceStop(keras.callbacks.Callback):
    """Raises `TrainingDiverged` once a metric or a weight is no finite number.

    Weights are looked at too, after each epoch: on CPU a fused ReLU turns NaN into 0, so the losses
    can stay finite while the weights are lost. It comes first, so nothing bad is drawn or saved.
    """

    def on_train_batch_end(self, batch, logs=None):
        if batch % 50 == 0:
            self._check_metrics(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._check_metrics(logs)
        check_weights(self.model)

    def _check_metrics(self, logs):
        for name, value in (logs or {}).items():
            if not math.isfinite(float(value)):
                raise diverged(f"the metric {name}")
