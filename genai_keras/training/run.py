"""A run: one folder with everything about one training, from its config to its model."""

import contextlib
import csv
import importlib.metadata
import json
import platform
import re
import shutil
import sys

import keras
import tensorflow as tf

from genai_keras.errors import Interrupted, TrainingDiverged, UserError
from genai_keras.files import whole_file
from genai_keras.parsing import resume_command, save_config
from genai_keras.training.checkpoints import CheckpointCallback, Checkpoints
from genai_keras.training.stops import DivergenceStop, SignalStop, TimeLimit
from genai_keras.training.tensorboard import EpochTensorBoard, write_settings

# All that a run writes into its folder, and so all that --overwrite takes away.
# The config, which makes a folder a run, goes last.
CONTENTS = (
    "versions.json",
    "history.csv",
    "model.keras",
    "tensorboard",
    "checkpoints",
    "samples",
    "unfinished-model.keras",
    "tokenizer.json",
    "source-tokenizer.json",
    "target-tokenizer.json",
    "translations.tsv",
    "generated.png",
    "nearest.png",
    "export",
    "config.json",
)
PACKAGES = ("genai_keras", "keras", "tensorflow", "numpy")


def prepare_run(config):
    """Checks that the run folder may be used and seeds everything: call it before all else.

    Raises:
        UserError: the folder holds a run, and neither `resume` nor `overwrite` is set.
    """
    folder = config.run_dir
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: --run-dir must name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not config.resume:
        if not config.overwrite:
            raise UserError(f"{folder} is not empty: add --resume or --overwrite, or name another")
        if not (folder / "config.json").exists():
            raise UserError(f"{folder} is not a run (no config.json), so --overwrite spares it")
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)


def run_training(model, train, validation, config, callbacks=(), files=None, fingerprint=None):
    """Trains a compiled model with `fit`, in a run folder, and saves it.

    Everything is there after each epoch, and a run that was killed, stopped or ran out of time goes
    on with `resume` as if nothing had happened, bit for bit.

    Args:
        model: a compiled `keras.Model`.
        train: `Batches` to train on.
        validation: `Batches` to validate with after each epoch.
        config: a `TrainConfig` that `prepare_run` has seen.
        callbacks: more Keras callbacks. What they add to an epoch's `logs` is in the history and on
            TensorBoard.
        files: texts by name that belong to the data, such as a tokenizer: kept in the run folder,
            and compared when the run goes on.
        fingerprint: of the data, compared when the run goes on.

    Raises:
        Interrupted: after a checkpoint, on Ctrl-C or SIGTERM.
        TrainingDiverged: a loss or a weight is not finite; the last checkpoint is from before.
    """
    folder = config.run_dir
    train_dataset = train.shuffled()  # fails before the folder is touched if there are too few
    checkpoint = CheckpointCallback(Checkpoints(folder / "checkpoints"), train.steps_per_epoch)
    checkpoint.set_model(model)
    counts = {"training": train.count, "validation": validation.count}
    files = files or {}
    if config.resume:
        _warn_of_other_versions(folder)
        check_data(folder, counts, files, fingerprint)
        save_config(config, folder / "config.json")  # --epochs may have changed
        checkpoint.restore()
        _forget_history_from(folder / "history.csv", checkpoint.step // train.steps_per_epoch)
        train_dataset = train.shuffled(checkpoint.step)
    else:
        _start_folder(config, counts, files, fingerprint)
    stop = SignalStop(checkpoint, resume_command(config))
    callbacks = [
        DivergenceStop(),
        *callbacks,
        EpochTensorBoard(
            folder / "tensorboard", histogram_freq=int(config.histograms), write_graph=False
        ),
        keras.callbacks.CSVLogger(folder / "history.csv", append=True),
        checkpoint,
        stop,
    ]
    if config.max_minutes:
        callbacks.append(TimeLimit(config.max_minutes, checkpoint))
    with stop, _ended_also_on_failure(callbacks):
        _fit(model, train, train_dataset, validation, checkpoint.step, config, callbacks)
    with whole_file(folder / "model.keras") as unfinished:
        model.save(unfinished)
    _say_where(config)


def _fit(model, train, train_dataset, validation, start_step, config, callbacks):
    """`fit`, from any step on: the rest of an epoch that was stopped is a `fit` of its own."""
    epoch, position = divmod(start_step, train.steps_per_epoch)
    shared = {
        "validation_data": validation.in_order(),
        "callbacks": callbacks,
        "verbose": config.verbose,
        "shuffle": False,  # the batches come shuffled
    }
    if position:
        model.fit(
            train_dataset,
            initial_epoch=epoch,
            epochs=epoch + 1,
            steps_per_epoch=train.steps_per_epoch - position,
            **shared,
        )
        if model.stop_training:
            return
        epoch += 1
        train_dataset = train.shuffled(epoch * train.steps_per_epoch)
    if epoch >= config.epochs:
        print(
            f"the run has all of its {config.epochs} epochs"
            + ("; --epochs N makes it longer" if config.schedule == "constant" else "")
        )
        return
    model.fit(
        train_dataset,
        initial_epoch=epoch,
        epochs=config.epochs,
        steps_per_epoch=train.steps_per_epoch,
        **shared,
    )


@contextlib.contextmanager
def _ended_also_on_failure(callbacks):
    """Lets callbacks close their files and make their film when training is stopped or diverges."""
    try:
        yield
    except (Interrupted, TrainingDiverged, tf.errors.OpError) as error:
        for callback in callbacks:
            callback.on_train_end()
        # TensorFlow wraps what a streamed picture's decoding raised in a page of its own.
        found = re.search(r"UserError: (.*)", getattr(error, "message", ""))
        if found:
            raise UserError(found.group(1)) from None
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise UserError(
                "a training step does not fit into memory: use a smaller --batch-size, or a "
                "smaller model"
            ) from None
        raise


def _start_folder(config, counts, files, fingerprint):
    folder = config.run_dir
    for name in CONTENTS:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    save_config(config, folder / "config.json")
    versions = {**_versions(), "samples": counts, "data": fingerprint}
    (folder / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")
    write_settings(config)


def check_data(folder, counts, files=None, fingerprint=None, doing="resume"):
    """Refuses to go on with, or to measure, a run with other data than it learnt.

    Args:
        folder: of the run.
        counts: how many samples there are now for `training` and `validation`.
        files, fingerprint: as of `run_training`.
        doing: what is refused, for the message.
    """
    former = read_versions(folder)
    samples = former.get("samples", counts)
    if samples != counts:
        difference = (
            f"it had {samples['training']} training and {samples['validation']} validation "
            f"samples, and now there are {counts['training']} and {counts['validation']}"
        )
    elif former.get("data", fingerprint) != fingerprint:
        difference = "there are as many samples, but not the same ones"
    else:
        files = (files or {}).items()
        different = [name for name, text in files if (folder / name).read_text("utf-8") != text]
        if not different:
            return
        difference = f"what it makes is not the run's {different[0]}"
    raise UserError(
        f"cannot {doing} {folder} with other data: {difference}; put the data back, or start a new "
        "run"
    )


def read_versions(folder):
    """What a run's `versions.json` says: versions, numbers of samples, the data's fingerprint."""
    path = folder / "versions.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return {name: value for name, value in found.items() if value is not None}
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}): put it back, or start a new run") from None


def _versions():
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout, not installed
            packages[name] = "not installed"
    return {"python": platform.python_version(), **packages, "platform": platform.platform()}


def _warn_of_other_versions(folder):
    former = read_versions(folder)
    changes = [
        f"{name} {former.get(name)} -> {version}"
        for name, version in _versions().items()
        if former.get(name) != version
    ]
    if changes:
        print(
            f"warning: the run began with other versions ({', '.join(changes)}), so it may go on "
            "with other bits",
            file=sys.stderr,
        )


def _forget_history_from(path, epoch):
    """Takes away the rows of epochs that will be run again, since the checkpoint is older."""
    if not path.exists():
        return
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    kept = [row for row in rows if len(row) == len(header) and int(row[0]) < epoch]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *kept] if kept else [])


def _say_where(config):
    folder = config.run_dir
    print(
        f"\nmodel     {folder / 'model.keras'}\nsamples   {folder / 'samples'}\n"
        f"curves    tensorboard --logdir {folder / 'tensorboard'}"
    )
