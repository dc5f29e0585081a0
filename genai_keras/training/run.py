"""A run: one folder with everything about one training, from its config to its model."""

import contextlib
import csv
import io
import json
import shutil

import keras

from genai_keras.errors import UserError, warn
from genai_keras.files import write_text
from genai_keras.training.checkpoints import CheckpointCallback, Checkpoints, save_whole
from genai_keras.training.devices import device, training_batches, validation_batches
from genai_keras.training.divergence import DivergenceStop
from genai_keras.training.failures import told_in_one_line
from genai_keras.training.lock import is_free_of_files, locked
from genai_keras.training.prepare import SHEET, check_contents, made_of, save_sheet
from genai_keras.training.profile import PROFILES, Profile
from genai_keras.training.stops import SignalStop, TimeLimit
from genai_keras.training.tensorboard import EVENTS, PROJECTOR, EpochTensorBoard, write_start
from genai_keras.training.terminal import Terminal
from genai_keras.training.versions import check_data, versions, warn_of_other_versions

# Everything that a run writes into its folder, so everything that `overwrite` removes. Folders of
# data are called `train` and `validation`, too: of these, only its own files.
CONTENTS = (
    "versions.json",
    "history.csv",
    "model.keras",
    EVENTS,
    f"train/{EVENTS}",
    f"validation/{EVENTS}",
    *(f"validation/{name}" for name in PROJECTOR),
    PROFILES,
    "checkpoints",
    "samples",
    "unfinished-model.keras",
    "classes.json",
    *(f"{name}tokenizer.json" for name in ("", "source-", "target-")),
    "translations.tsv",
    "generated.png",
    "nearest.png",
    SHEET,
    "features.npz",
    "export",
)


def run_training(model, data, config, callbacks=()):
    """Trains a compiled model with `fit`, in a run folder, and saves it.

    All files are updated after each epoch. A run that was killed, stopped or ran out of time
    continues with `resume` as if nothing had happened, bit for bit.

    Args:
        model: a compiled `keras.Model`.
        data: the `Data` of a task: `Batches` for training and for validation after each epoch,
            texts for the run folder, and a fingerprint. A resumed run must have the same data.
        config: a `TrainConfig`; `prepare_run` has checked it and the data.
        callbacks: more Keras callbacks. Values that they add to the `logs` of an epoch appear in
            the history and on TensorBoard.

    Raises:
        Interrupted: after a checkpoint, on Ctrl-C or SIGTERM.
        TrainingDiverged: a loss or a weight is not finite; the last checkpoint is from before.
        UserError: the folder is in use, the disk is full, or the run has other data.
    """
    folder = config.run_dir
    folder.mkdir(parents=True, exist_ok=True)
    if config.verbose:
        print(f"training on {device()}")
    _warn_of_means_of_parts(model, config)
    with locked(folder):
        if not config.resume and not is_free_of_files(folder, SHEET):
            check_contents(config)  # again, because another process may have used it
        checkpoint = _begin(model, data, config)
        _train(model, data, checkpoint, config, callbacks)


def _warn_of_means_of_parts(model, config):
    """Warns if what a model computes depends on the parts into which it cuts its batch."""
    layers = model._flatten_layers()
    if any(isinstance(each, keras.layers.BatchNormalization) for each in layers):
        means = "batch normalization"
    else:
        means = "free bits" if getattr(model, "free_bits", 0) else None
    if means and config.accumulate > 1:
        said = (
            f"`accumulate={config.accumulate}` changes what is learnt: {means} takes means of "
            f"{config.batch_size // config.accumulate} samples instead of {config.batch_size}"
        )
        warn(config.in_flags(said))


def _begin(model, data, config):
    """Prepares the folder and the model for the first step or the next one."""
    folder, steps_per_epoch = config.run_dir, data.train.steps_per_epoch
    facts = data.counts, data.files, data.fingerprint
    checkpoint = CheckpointCallback(
        Checkpoints(folder / "checkpoints", made_of(config)), steps_per_epoch, config.save_every
    )
    checkpoint.set_model(model)
    if config.resume and checkpoint.checkpoints.generations():
        warn_of_other_versions(folder, config.accumulate)
        check_data(folder, *facts)
        checkpoint.restore()
        config.save(folder / "config.json")  # `epochs` may have changed
        _forget_history_from(folder / "history.csv", checkpoint.step // steps_per_epoch)
    elif config.resume and (folder / "model.keras").exists():
        raise UserError(
            f"{folder} has a model but no checkpoint to resume: restore its checkpoints, or use "
            "`overwrite` to start again"
        )
    else:
        _start_folder(config, model, data)
    return checkpoint


def _train(model, data, checkpoint, config, callbacks):
    folder, train, validation = config.run_dir, data.train, data.validation
    stop = SignalStop(checkpoint, config.resume_command())
    divergence = DivergenceStop()
    checkpoint.check = divergence.check
    own = callbacks
    terminal = Terminal(
        config.epochs,
        train,
        validation,
        checkpoint,
        shows=own,
        live=config.verbose == 1,
        previews=config.preview is not False,
        max_minutes=config.max_minutes,
        units=data.units,
    )
    callbacks = [
        divergence,
        *own,
        EpochTensorBoard(folder, config.histograms),
        keras.callbacks.CSVLogger(folder / "history.csv", append=True),
        checkpoint,
        *([terminal] if config.verbose else []),
        profile := Profile(folder, checkpoint, config.profile and config.profile.ends),
        stop,
    ]
    if config.max_minutes:
        callbacks.append(TimeLimit(config.max_minutes, checkpoint))
    told = told_in_one_line(model, train, checkpoint, config, callbacks)
    with stop, terminal, told, contextlib.closing(profile):
        if checkpoint.step < config.epochs * train.steps_per_epoch:
            _fit(model, train, validation, checkpoint.step, config, callbacks)
        else:
            _end_again(model, own, config)
        save_whole(model, folder / "model.keras")
    stop.stop()


def _fit(model, train, validation, start_step, config, callbacks):
    """`fit` from any step on; the rest of a stopped epoch is a separate `fit`."""
    epoch, position = divmod(start_step, train.steps_per_epoch)
    train_dataset = training_batches(train, start_step)
    shared = {
        **validation_batches(validation),
        "callbacks": callbacks,
        "verbose": 0,  # `Terminal` shows what happens
        "shuffle": False,  # the batches are already shuffled
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
        train_dataset = training_batches(train, epoch * train.steps_per_epoch)
    if epoch < config.epochs:
        model.fit(
            train_dataset,
            initial_epoch=epoch,
            epochs=config.epochs,
            steps_per_epoch=train.steps_per_epoch,
            **shared,
        )


def _end_again(model, callbacks, config):
    """Repeats the last part of a run, which may have been killed during it."""
    longer = "; use `epochs=N` to make it longer" if config.may_be_longer else ""
    said = f"already complete: the run has finished its {config.epochs} epochs{longer}"
    print(config.in_flags(said))
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_end()


def _start_folder(config, model, data):
    folder = config.run_dir
    # The config marks a folder as a run, so it is always there. Old checkpoints are removed first,
    # because they must not be mistaken for those of the new run.
    for name in ("checkpoints", *CONTENTS):
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    config.save(folder / "config.json")
    for name, text in data.files.items():
        write_text(folder / name, text)
    if data.sheet is not None:
        save_sheet(data.sheet, folder)
    facts = {
        "samples": data.counts,
        "data": data.fingerprint,
        "unlabelled": data.unlabelled,
        "read": data.read,
    }
    write_text(
        folder / "versions.json",
        json.dumps({**versions(config.accumulate), **facts}, indent=2) + "\n",
    )
    write_start(config, model)


def _forget_history_from(path, epoch):
    """Removes the rows of epochs that will be repeated because the checkpoint is older."""
    if not path.exists():
        return
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    kept = [
        row
        for row in rows
        if len(row) == len(header) and row[0].isdecimal() and int(row[0]) < epoch
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *kept] if kept else [])
    write_text(path, text.getvalue())
