"""What a run leaves for TensorBoard: curves, a guide to them, and its row on the page HPARAMS.

Everything is in the run folder itself, so that `mine/train` and `mine/validation` are the names of
the curves of `runs/mine`. The run `mine` has its images, texts and final scores.
"""

import contextlib
import dataclasses

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from genai_keras.training.guides import guide_to

EVENTS = "events.out.tfevents.*"  # the names of the files that TensorBoard reads
PROJECTOR = ("projector_config.pbtxt", "codes.tsv", "sprites.png", "labels.tsv")
SCORES = ".scores"  # the end of the name of those with the figures of an evaluation

# Options for a single start, for paths or for samples, which are not useful to compare runs.
NO_SETTINGS = {
    "run_dir", "data_dir", "labels", "columns", "encoding", "resume", "overwrite", "dry_run",
    "max_minutes", "save_every", "verbose", "debug", "histograms", "preview", "evaluate",
    "evaluation_samples", "prompt", "sample_length", "temperature", "top_k", "top_p", "beam_width",
    "length_penalty", "devices", "profile", "steps", "solver", "guidance",
}  # fmt: skip
# TensorBoard sorts the columns of HPARAMS by name and opens with the first five. It takes the list
# of columns from any one of the runs. So every run has the same, with the options of all commands.
OPENING = {
    name: f"{index} {name}"
    for index, name in enumerate(("command", "preset", "dataset", "epochs", "seed"), start=1)
}
NUMBERS = {
    "accumulate", "batch_size", "beta", "beta_1", "beta_2", "channels", "clip", "context_length",
    "dense_units", "discriminator_kernel", "discriminator_learning_rate", "dropout", "ema",
    "epochs", "free_bits", "generator_kernel", "hidden_units", "image_size", "importance_samples",
    "instance_noise", "kernel_size", "label_dropout", "label_smoothing", "latent_dim",
    "learning_rate", "limit", "max_length", "num_heads", "num_layers", "steps_per_epoch",
    "time_width", "vocabulary_size", "warmup_epochs",
    "warmup_steps", "weight_decay", "width",
}  # fmt: skip
# A seed is a name: TensorBoard would show seed 0 as 0.0000, and two large ones as the same number.
OTHER_OPTIONS = {
    "activation", "binarize", "command", "conditional", "dataset", "discriminator_widths",
    "generator_widths", "network", "norm", "positions", "precision", "preset", "schedule", "seed",
    "source_tokenizer", "target_tokenizer", "tokenizer", "widths",
}  # fmt: skip
OPTIONS = (*OPENING, *sorted((NUMBERS | OTHER_OPTIONS) - OPENING.keys()))
# Its figures: final ones of curves, those of an evaluation, and the rest.
LOSSES = ("val_elbo", "val_loss", "generator_loss", "discriminator_loss")
FIGURES = (
    "frechet_distance", "log_likelihood", "iw_bound_100", "elbo", "dequantized_bound",
    "kernel_distance", "recognized", "precision", "recall", "nearest_training", "class_coverage",
    "label_agreement", "active_units", "nats_per_character", "bits_per_character", "bits_per_pixel",
    "exact_match", "token_accuracy", "chrf", "wasserstein", "frechet_inception_distance",
)  # fmt: skip
OTHERS = (
    "val_kl", "val_bits_per_character", "val_nats_per_image", "val_exact_match", "diversity",
    "wasserstein",
)  # fmt: skip


class EpochTensorBoard(keras.callbacks.Callback):
    """Writes the figures of each epoch, and whatever other callbacks show with `tf.summary`.

    The curves of training are in the run `train`, those of validation in `validation`, and images
    and texts in the folder itself. A step is an epoch, and step 0 is before training. Curves that
    the model names in `headline` come first, as `curves/...`, and the others as `more curves/...`.

    Args:
        folder: folder of the event files.
        histograms: whether to write histograms of all weights of the networks of the model.
    """

    def __init__(self, folder, histograms=False):
        super().__init__()
        self.folder = folder
        self.histograms = histograms
        self.writers = {}
        self.opened = contextlib.ExitStack()

    def set_model(self, model):
        # Here, because other callbacks show the untrained model when training begins.
        super().set_model(model)
        self.on_train_end()  # of a training that failed
        self.writers = {name: self._open(name) for name in ("", "train", "validation")}
        self.opened.enter_context(self.writers[""].as_default())

    def on_epoch_end(self, epoch, logs=None):
        figures = {**(logs or {}), **self._learning_rates()}
        headline = getattr(self.model, "headline", figures)
        watched = {name.removeprefix("val_") for name in headline}
        for name, value in figures.items():
            short = name.removeprefix("val_")
            group = "curves" if short in watched else "more curves"
            with self.writers["train" if short == name else "validation"].as_default():
                tf.summary.scalar(f"{group}/{short}", value, step=epoch + 1)
        with self.writers["train"].as_default():
            for name, weight in self._weights() if self.histograms else ():
                tf.summary.histogram(f"weights/{name}", weight, step=epoch + 1)
        for writer in self.writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        self.opened.close()

    def _open(self, name):
        writer = tf.summary.create_file_writer(str(self.folder / name))
        self.opened.callback(writer.close)
        return writer

    def _weights(self):
        """Pairs of a name and a weight, whose path alone may be that of another network."""
        parts = {name: part for name, part in vars(self.model).items() if not name.startswith("_")}
        for name, part in parts.items():
            if isinstance(part, keras.layers.Layer):
                yield from ((f"{name}/{weight.path}", weight) for weight in part.weights)

    def _learning_rates(self):
        """That of the only optimizer, or those of several, such as `generator_learning_rate`.

        Of several, constant ones are left out.
        """
        return {
            name.replace("optimizer", "learning_rate"): float(
                keras.ops.convert_to_numpy(each.learning_rate)
            )
            for name, each in vars(self.model).items()
            if isinstance(each, keras.optimizers.Optimizer)
            and (name == "optimizer" or isinstance(each.get_config()["learning_rate"], dict))
        }


def write_start(config, model):
    """Writes a guide to the curves of a model, and a run's settings for the page HPARAMS.

    TensorBoard itself finds the results: the last value of each of its curves.
    """
    settings = {"command": config.command}
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        if each.name not in NO_SETTINGS and value is not None:
            settings[each.name] = _setting(value, each.name in NUMBERS)
    writer = tf.summary.create_file_writer(str(config.run_dir))
    with writer.as_default(step=0):
        if guide := guide_to(model):
            tf.summary.text("about this run", guide)
        hparams.hparams_config(
            [*map(_option, OPTIONS)],
            [
                *map(_last_of, LOSSES),
                *(hparams.Metric(f"scores/{name}", display_name=name) for name in FIGURES),
                *map(_last_of, OTHERS),
            ],
        )
        # Without an id of its own, a row has the name of its run, which is unique.
        hparams.hparams(
            {OPENING.get(name, name): value for name, value in settings.items()}, trial_id=""
        )
    writer.close()


def write_figures(run_dir, figures):
    """Writes final figures, by name, as `scores/...`; earlier ones are replaced."""
    for path in run_dir.glob(EVENTS + SCORES):
        path.unlink()
    writer = tf.summary.create_file_writer(str(run_dir), filename_suffix=SCORES)
    with writer.as_default(step=0):
        for name, value in figures.items():
            tf.summary.scalar(f"scores/{name}", value)
    writer.close()


def _last_of(name):
    """The column with the last value of a curve."""
    run = "validation" if name.startswith("val_") else "train"
    return hparams.Metric(f"curves/{name.removeprefix('val_')}", group=run, display_name=name)


def _option(name):
    """The column of an option."""
    # The type alone, without any values, lets one filter by an interval.
    domain = hparams.Discrete([], dtype=float) if name in NUMBERS else None
    return hparams.HParam(OPENING.get(name, name), domain, display_name=name)


def _setting(value, is_number):
    """A setting as a number, as true or false, or as text."""
    if is_number or isinstance(value, bool):
        return value
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
