"""A run: one folder with everything about one training, from its config to its model."""

import contextlib

import keras

from genai_keras.errors import UserError, warn
from genai_keras.training import workers
from genai_keras.training.checkpoints import CheckpointCallback, Checkpoints, save_whole
from genai_keras.training.devices import device, training_batches, validation_batches
from genai_keras.training.divergence import DivergenceStop
from genai_keras.training.failures import told_in_one_line
from genai_keras.training.lock import is_free_of_files, locked
from genai_keras.training.prepare import SHEET, check_contents, made_of
from genai_keras.training.profile import Profile
from genai_keras.training.run_folder import forget_history_from, start_folder
from genai_keras.training.stops import SignalStop, TimeLimit
from genai_keras.training.tensorboard import EpochTensorBoard
from genai_keras.training.terminal import Terminal
from genai_keras.training.versions import check_data, warn_of_other_versions


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
    resumes = config.resume and bool(checkpoint.checkpoints.generations())
    if resumes:
        warn_of_other_versions(folder, config.accumulate)
        check_data(folder, *facts)
        checkpoint.restore()
    workers.current().compare({"last checkpoint": checkpoint.checkpoints.newest_hash})
    if resumes:
        config.save(folder / "config.json")  # `epochs` may have changed
        forget_history_from(folder / "history.csv", checkpoint.step // steps_per_epoch)
    elif config.resume and (folder / "model.keras").exists():
        raise UserError(
            f"{folder} has a model but no checkpoint to resume: restore its checkpoints, or use "
            "`overwrite` to start again"
        )
    else:
        start_folder(config, model, data)
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
