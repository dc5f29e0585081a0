"""Checkpoints that survive a kill at any moment, and the callback that writes them."""

import hashlib
import json
import time

import keras
import numpy as np
import tensorflow as tf

from genai_keras.errors import UserError, warn
from genai_keras.files import whole_file, write_text
from genai_keras.training import workers

KEPT = 2  # generations: if the newest is damaged, the previous one can be used
ZIP_YEARS = range(1980, 2108)  # possible dates of a file in a zip archive


class Checkpoints:
    """The checkpoints in a folder: `.keras` files, each with a manifest.

    `step_00000021.json` is written after `step_00000021.keras` and contains its size and SHA-256,
    so a file with a manifest is complete. The manifest has its own checksum.

    Args:
        directory: the folder; it is made with the first checkpoint.
        made_of: `versions` and `config_hash` of the run, for the manifests.
    """

    def __init__(self, directory, made_of=None):
        self.directory = directory
        self.newest_hash = None  # of what `restore` has loaded
        self.made_of = made_of or {}

    def save(self, model, step, epoch=0):
        """Saves everything that training needs to continue after global step `step`.

        Args:
            model: a compiled `keras.Model`.
            step: number of training steps so far.
            epoch: number of complete epochs so far.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"step_{step:08d}.keras"
        # The manifest of an earlier file of this step is removed before the file is replaced.
        path.with_suffix(".json").unlink(missing_ok=True)
        save_whole(model, path)
        manifest = {
            "epoch": epoch,
            "step": step,
            **_fingerprint(path),
            # Not in the file, because Keras does not expect a resume within an epoch.
            "metrics": workers.current().gather(
                [[each.numpy().tolist() for each in parts] for parts in metric_parts(model)]
            ),
            **self.made_of,
        }
        manifest["checksum"] = _checksum(manifest)
        write_text(path.with_suffix(".json"), json.dumps(manifest, indent=2) + "\n")
        for old in self.generations()[KEPT:]:
            for suffix in (".json", ".keras"):
                old.with_suffix(suffix).unlink(missing_ok=True)
        for left in self.directory.glob("unfinished-*"):  # from a killed process
            left.unlink()

    def restore(self, model):
        """Loads the newest complete checkpoint into `model`, and warns of damaged ones.

        Returns:
            Its step, and the values of the metrics' variables; `(0, None)` if there is none.

        Raises:
            UserError: there are checkpoints, but none is complete, or it has another config.
        """
        generations = self.generations()
        damaged = []
        for path, manifest, error in self._examined():
            if manifest:
                self._check_config(path, manifest)
                model.load_weights(path)
                self.newest_hash = manifest["sha256"]
                return manifest["step"], manifest["metrics"]
            damaged.append(f"{path.name} ({error})")
            warn(f"the checkpoint {path} is not used: {error}")
        # A first save that was killed has no manifest; it would have contained the initial state.
        if len(generations) > 1 or any(path.with_suffix(".json").exists() for path in generations):
            raise UserError(
                f"no checkpoint in {self.directory} is complete: {', '.join(damaged)}; restore one "
                "from a copy, or start a new run"
            )
        return 0, None

    def check_config(self):
        """Raises a `UserError` if the newest complete checkpoint has another config."""
        for path, manifest, _ in self._examined():
            if manifest:
                return self._check_config(path, manifest)

    def has_complete(self):
        """Whether there is a checkpoint that training can continue from."""
        return any(manifest for _, manifest, _ in self._examined())

    def generations(self):
        """The paths of all checkpoints, complete or not, newest first; the file may be missing."""
        found = {path.with_suffix(".keras") for path in self.directory.glob("step_*.*")}
        return sorted(found, reverse=True)

    def _examined(self):
        """The path of each checkpoint, with its manifest if it is complete, or with the error."""
        for path in self.generations():
            try:
                yield path, self._verified(path), None
            except (OSError, ValueError) as error:
                yield path, None, error

    def _verified(self, path):
        """The manifest of a complete checkpoint.

        Raises:
            ValueError, OSError: the checkpoint is damaged; the message says how.
        """
        name = path.with_suffix(".json").name
        try:
            manifest = json.loads(path.with_suffix(".json").read_bytes())
            intact = manifest.pop("checksum") == _checksum(manifest)
        except FileNotFoundError:
            raise ValueError(f"it has no {name}, so the save was probably interrupted") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            intact = False
        if not intact:
            raise ValueError(f"its {name} is damaged")
        if not path.exists():
            raise ValueError("it is missing")
        if any(manifest[name] != value for name, value in _fingerprint(path).items()):
            raise ValueError("it is damaged: its size or SHA-256 differs from the manifest")
        return manifest

    def _check_config(self, path, manifest):
        if manifest.get("config_hash") != self.made_of.get("config_hash"):
            raise UserError(
                f"{self.directory.parent / 'config.json'} is not the config of {path.name}: it was "
                "changed or is damaged; restore it, or start a new run"
            )


def save_whole(model, path):
    """Saves a model as a `.keras` file, completely or not at all.

    Raises:
        UserError: the clock of the machine shows a year that a zip file cannot store.
    """
    now = time.time()
    if time.localtime(now).tm_year not in ZIP_YEARS:
        raise UserError(f"cannot save {path}: this machine's clock says {time.ctime(now)}; set it")
    with whole_file(path) as unfinished:
        model.save(unfinished)


def metric_parts(model):
    """The variables that the metrics of a model keep between steps: of each, those of the devices.

    Their sum is the value. A sum that is divided again would be rounded in another way.
    """
    of_devices = tf.distribute.get_strategy().experimental_local_results
    return [of_devices(v.value) for metric in model.metrics for v in metric.variables]


def _checksum(manifest):
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _fingerprint(path):
    with open(path, "rb") as file:
        return {
            "size": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


class CheckpointCallback(keras.callbacks.Callback):
    """Counts the steps of a run, and saves at the beginning, after each epoch, and in between.

    Args:
        checkpoints: the `Checkpoints` to write.
        steps_per_epoch: steps of a full epoch, even if the first one is the rest of a stopped one.
        save_every: an `Interval` between saves within epochs, or None.
        check: a function without arguments, called before each save; it raises if the model must
            not become a checkpoint.
    """

    def __init__(self, checkpoints, steps_per_epoch, save_every=None, check=lambda: None):
        super().__init__()
        self.checkpoints = checkpoints
        self.steps_per_epoch = steps_per_epoch
        self.save_every = save_every
        self.check = check
        self.step = 0
        self.saved = None  # the step of the newest checkpoint
        self.saved_at = None  # when it was written, in seconds of a monotonic clock
        # From an epoch that was stopped midway; `fit` resets the metrics when it starts the rest.
        self.metrics_so_far = None

    def restore(self):
        """Loads the newest checkpoint into the model and sets `step` to its step."""
        self.step, metrics = self.checkpoints.restore(self.model)
        self.metrics_so_far = None if self.at_epochs_end else metrics

    @property
    def at_epochs_end(self):
        return self.step % self.steps_per_epoch == 0

    def save(self):
        if self.saved == self.step:
            return
        self.check()
        self.checkpoints.save(self.model, self.step, self.step // self.steps_per_epoch)
        self.saved, self.saved_at = self.step, time.monotonic()

    def on_train_begin(self, logs=None):
        if self.step == 0:  # so that there is always a checkpoint to resume
            self.save()
        self.saved, self.saved_at = self.step, time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if self.metrics_so_far is not None:
            team = workers.current()
            both = zip(metric_parts(self.model), self.metrics_so_far, strict=True)
            for parts, values in both:
                if team.count * len(parts) != len(values):  # the run was on other devices
                    total = np.sum(values, axis=0)
                    values = [total, *[0.0 * total] * (team.count * len(parts) - 1)]
                own = values[team.index * len(parts) :]
                for part, value in zip(parts, own, strict=False):
                    part.assign(value)
            self.metrics_so_far = None

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        # After the last step of an epoch, its end saves anyway.
        due = bool(self.save_every) and not self.at_epochs_end
        if due:
            passed = self.step - self.saved, time.monotonic() - self.saved_at
            due = self.save_every.is_over(*passed)
        if workers.current().agree(due):
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        if self.at_epochs_end:
            self.save()
