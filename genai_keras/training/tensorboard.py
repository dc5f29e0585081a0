"""The curves of a run, and its entry on TensorBoard's page of hyperparameters."""

import dataclasses
import shutil

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

# Options for a single start or for paths, which are not useful to compare runs.
NO_SETTINGS = {
    "run_dir", "data_dir", "resume", "overwrite", "max_minutes", "save_every", "verbose", "debug",
    "histograms", "preview",
}  # fmt: skip


class EpochTensorBoard(keras.callbacks.TensorBoard):
    """The TensorBoard callback of Keras, for epochs only.

    The original prepares a summary of every metric at each training step and discards it unless
    `update_freq` requests it. For a small model, this takes 4 % of a step.
    """

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch)


def write_settings(config):
    """Writes a run's settings for the page of hyperparameters.

    TensorBoard itself finds the results: every curve below this folder, with its last value.
    """
    settings = {"command": config.command}
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        if each.name not in NO_SETTINGS and value is not None:
            plain = isinstance(value, (bool, int, float, str))
            settings[each.name] = value if plain else " ".join(map(str, value))
    writer = tf.summary.create_file_writer(str(config.run_dir / "tensorboard"))
    with writer.as_default():
        hparams.hparams(
            settings, trial_id=str(config.run_dir)
        )  # unique, unlike the name of the folder
    writer.close()


def write_figures(run_dir, figures):
    """Writes final figures, by name, as more columns of that page; earlier ones are replaced."""
    folder = run_dir / "tensorboard" / "evaluation"
    if folder.exists():
        shutil.rmtree(folder)
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=0):
        for name, value in figures.items():
            tf.summary.scalar(name, value)
    writer.close()
