"""Something to look at after each epoch: what every such callback has in common."""

import keras
import tensorflow as tf


class EachEpoch(keras.callbacks.Callback):
    """Shows something before training and after each epoch, in a file and on TensorBoard.

    Writes `samples/epoch_0001.png`, ..., and the TensorBoard run `samples`; with another `stem`,
    files and a run of that name.

    Args:
        run_dir: the run folder.
        stem: of the files' names.
        suffix: of the files' names.
    """

    def __init__(self, run_dir, stem="epoch", suffix=".png"):
        super().__init__()
        self.samples = run_dir / "samples"
        # A TensorBoard run of its own: the reader may lose events where two writers share one.
        self.log_dir = run_dir / "tensorboard" / ("samples" if stem == "epoch" else stem)
        self.stem = stem
        self.suffix = suffix
        self.writer = None

    def show(self, path, epoch, logs):
        """Makes the file at `path` and its summary; may add to the epoch's `logs`."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        self.samples.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(self.log_dir))
        if not self.shown():
            self._show(0, {})

    def on_epoch_end(self, epoch, logs=None):
        self._show(epoch + 1, logs)

    def on_train_end(self, logs=None):
        if self.writer:  # not if another callback failed before this one began
            self.writer.close()

    def shown(self):
        """The files of all epochs so far, in order."""
        return sorted(self.samples.glob(f"{self.stem}_*{self.suffix}"))

    def _show(self, epoch, logs):
        path = self.samples / f"{self.stem}_{epoch:04d}{self.suffix}"
        with self.writer.as_default(epoch):
            self.show(path, epoch, logs)
        self.writer.flush()
