"""The base of callbacks that show something after each epoch."""

import csv

import keras
import tensorflow as tf


class EachEpoch(keras.callbacks.Callback):
    """Shows something before training and after each epoch, in a file and on TensorBoard.

    Writes `samples/epoch_0001.png`, ..., and the TensorBoard run `samples`. With another `stem`,
    the files and the run have that name.

    Args:
        run_dir: the run folder.
        stem: beginning of the file names.
        suffix: end of the file names.
    """

    preview = None  # what a terminal may show of it: lines of text, or `(n, ...)` images in [0, 1]

    def __init__(self, run_dir, stem="epoch", suffix=".png"):
        super().__init__()
        self.history = run_dir / "history.csv"
        self.samples = run_dir / "samples"
        # A separate TensorBoard run, because readers may lose events if two writers share one.
        self.log_dir = run_dir / "tensorboard" / ("samples" if stem == "epoch" else stem)
        self.stem = stem
        self.suffix = suffix
        self.writer = None

    def show(self, path, epoch, logs):
        """Writes the file at `path` and its summary; may add to the epoch's `logs`."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        self.samples.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(self.log_dir))
        if not self.shown():
            self._show(0, {})

    def on_epoch_end(self, epoch, logs=None):
        self._show(epoch + 1, logs)

    def on_train_end(self, logs=None):
        if self.writer:  # None if another callback failed before this one started
            self.writer.close()

    def shown(self):
        """The files of all epochs so far, in order."""
        return sorted(self.samples.glob(f"{self.stem}_*{self.suffix}"))

    def _show(self, epoch, logs):
        path = self.samples / f"{self.stem}_{epoch:04d}{self.suffix}"
        with self.writer.as_default(epoch):
            self.show(path, epoch, logs)
        self.writer.flush()


def read_history(path):
    """The epochs of a history, as dictionaries of numbers; an empty list if there is no file.

    Rows that do not fit the header, as in a run started by an older version, are skipped.
    """
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    return [
        {name: float(value) for name, value in zip(header, row, strict=True) if value}
        for row in rows
        if len(row) == len(header)
    ]
