"""Checkpoints that survive a kill at any moment, and the callback that writes them."""

import hashlib
import json
import sys

import keras
import numpy as np
from keras import ops

from genai_keras.errors import TrainingDiverged, UserError
from genai_keras.files import whole_file

MANIFEST = "manifest.json"
KEPT = 2  # generations: if the newest is damaged, the one before still serves


def check_weights(model):
    """Raises `TrainingDiverged` if a weight is not finite: it must never become a checkpoint."""
    for variable in model.weights:
        if not bool(ops.all(ops.isfinite(variable))):
            raise diverged(f"the weight {variable.path}")


def diverged(what):
    return TrainingDiverged(
        f"training diverged: {what} is not finite; try a smaller --learning-rate"
    )


class Checkpoints:
    """The checkpoints in a folder: whole `.keras` files, and a manifest that vouches for them.

    The manifest is written last, so a file that it names is complete.

    Args:
        directory: the folder; made with the first checkpoint.
    """

    def __init__(self, directory):
        self.directory = directory

    def save(self, model, step):
        """Saves everything that training needs to go on after global step `step`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"step_{step:08d}.keras"
        with whole_file(path) as unfinished:
            model.save(unfinished)
        entry = {"file": path.name, "step": step, **_fingerprint(path)}
        # Not in the file: Keras thinks nobody goes on in the middle of an epoch.
        entry["metrics"] = [np.array(v).tolist() for v in _metric_variables(model)]
        others = [old for old in self._entries() if old["file"] != path.name]
        entries = [entry, *others][:KEPT]
        with whole_file(self.directory / MANIFEST) as unfinished:
            unfinished.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
        for old in self.directory.glob("*.keras"):
            if old.name not in {each["file"] for each in entries}:
                old.unlink()

    def restore(self, model):
        """Loads the newest checkpoint that is whole into `model`.

        Returns:
            Its step, and the values of the metrics' variables then; `(0, None)` if there is none.

        Raises:
            UserError: there are checkpoints, but none of them is whole.
        """
        entries = self._entries()
        for entry in entries:
            path = self.directory / entry["file"]
            fingerprint = {name: entry[name] for name in ("size", "sha256")}
            if path.exists() and _fingerprint(path) == fingerprint:
                model.load_weights(path)
                return entry["step"], entry["metrics"]
            print(f"warning: {path} is damaged or gone; trying the one before", file=sys.stderr)
        if entries:
            raise UserError(f"no checkpoint in {self.directory} is whole: start a new run")
        return 0, None

    def _entries(self):
        path = self.directory / MANIFEST
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        except ValueError as error:
            raise UserError(f"{path} is damaged ({error}): start a new run") from None


def _metric_variables(model):
    return [variable for metric in model.metrics for variable in metric.variables]


def _fingerprint(path):
    with open(path, "rb") as file:
        return {
            "size": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


class CheckpointCallback(keras.callbacks.Callback):
    """Counts the steps of a run and saves a checkpoint after each whole epoch.

    Args:
        checkpoints: where to.
        steps_per_epoch: of the whole run, also when the first epoch is the rest of a stopped one.
        start_step: the global step that training goes on from.
    """

    def __init__(self, checkpoints, steps_per_epoch, start_step=0):
        super().__init__()
        self.checkpoints = checkpoints
        self.steps_per_epoch = steps_per_epoch
        self.step = start_step
        # Of an epoch that was stopped midway; `fit` sets metrics to zero when it begins the rest.
        self.metrics_so_far = None

    def restore(self):
        """Loads the newest checkpoint into the model and sets `step` to its step."""
        self.step, metrics = self.checkpoints.restore(self.model)
        if not self.at_epochs_end:
            self.metrics_so_far = metrics

    @property
    def at_epochs_end(self):
        return self.step % self.steps_per_epoch == 0

    def save(self):
        check_weights(self.model)
        self.checkpoints.save(self.model, self.step)

    def on_epoch_begin(self, epoch, logs=None):
        if self.metrics_so_far is not None:
            variables = _metric_variables(self.model)
            for variable, value in zip(variables, self.metrics_so_far, strict=True):
                variable.assign(value)
            self.metrics_so_far = None

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1

    def on_epoch_end(self, epoch, logs=None):
        if self.at_epochs_end:
            self.save()
