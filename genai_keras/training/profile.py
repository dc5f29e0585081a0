"""Profiles of training steps, for TensorBoard's page Profile."""

import keras
import tensorflow as tf

PROFILES = "plugins/profile"  # in a run folder, where TensorBoard looks for them


class Profile(keras.callbacks.Callback):
    """Records what each operation of some training steps costs.

    Args:
        folder: folder of the run.
        checkpoint: the `CheckpointCallback`, which counts the steps.
        steps: the first and the last step to record, counted from 1; None for no step.
    """

    def __init__(self, folder, checkpoint, steps):
        super().__init__()
        self.folder = folder
        self.checkpoint = checkpoint
        self.first, self.last = steps or (0, 0)
        self.is_on = False

    def on_train_batch_begin(self, batch, logs=None):
        if self.checkpoint.step + 1 == self.first:
            tf.profiler.experimental.start(str(self.folder))
            self.is_on = True

    def on_train_batch_end(self, batch, logs=None):
        if self.checkpoint.step >= self.last:
            self.close()

    def close(self):
        """Writes what was recorded so far; a run may have several `fit`s."""
        if self.is_on:
            self.is_on = False
            tf.profiler.experimental.stop()
