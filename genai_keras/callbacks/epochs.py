"""The base of callbacks that show something after each epoch."""

import csv

import keras
import tensorflow as tf


class EachEpoch(keras.callbacks.Callback):
    """Shows something before training and after each epoch, in a file and on TensorBoard.

    Writes `samples/epoch_0001.png`, ..., or with another `stem` files of that name. A summary goes
    to the default writer of `tf.summary`, if there is one: `EpochTensorBoard` opens it.

    Args:
        run_dir: the run folder.
        stem: beginning of the file names.
        suffix: end of the file names.
    """

    preview = None  # what a terminal may show of it: lines of text, or `(n, ...)` images in [0, 1]
    newest = None  # the file of the last epoch, once there is one

    def __init__(self, run_dir, stem="epoch", suffix=".png"):
        super().__init__()
        self.history = run_dir / "history.csv"
        self.samples = run_dir / "samples"
        self.stem = stem
        self.suffix = suffix

    def show(self, path, epoch, logs):
        """Writes the file at `path` and its summary; may add to the epoch's `logs`."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        self.samples.mkdir(parents=True, exist_ok=True)
        if not self.shown():
            self._show(0, {})

    def on_epoch_end(self, epoch, logs=None):
        self._show(epoch + 1, logs)

    def shown(self):
        """The files of all epochs so far, in order."""
        return sorted(self.samples.glob(f"{self.stem}_*{self.suffix}"))

    def _show(self, epoch, logs):
        path = self.samples / f"{self.stem}_{epoch:04d}{self.suffix}"
        last = (self.params or {}).get("epochs")
        with tf.summary.record_if(is_kept(epoch) or epoch == last):
            self.show(path, epoch, logs)
        self.newest = path
        tf.summary.flush()


def is_kept(epoch):
    """Whether TensorBoard gets what an epoch shows: up to 10, then every tenth up to 100, ....

    A thousand images of 90 kB are too many for it, and the folder `samples` has them all.
    """
    return epoch % 10 ** (len(str(epoch)) - 1) == 0


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
