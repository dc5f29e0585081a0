"""A run: one folder with everything about one training, from its config to its model."""

import contextlib
import csv
import json
import re
import shutil

import keras
import tensorflow as tf

from genai_keras.errors import Interrupted, TrainingDiverged, UserError
from genai_keras.files import whole_file
from genai_keras.parsing import resume_command, save_config
from genai_keras.training.checkpoints import CheckpointCallback, Checkpoints
from genai_keras.training.stops import DivergenceStop, SignalStop, TimeLimit
from genai_keras.training.tensorboard import EpochTensorBoard, write_settings
from genai_keras.training.versions import check_data, versions, warn_of_other_versions

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
        warn_of_other_versions(folder)
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
    made_of = {**versions(), "samples": counts, "data": fingerprint}
    (folder / "versions.json").write_text(json.dumps(made_of, indent=2) + "\n")
    write_settings(config)


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
