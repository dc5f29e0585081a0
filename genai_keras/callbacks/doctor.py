"""A training doctor: says when a run is unwell, what to try, and which chapter explains it."""

import csv
import importlib.metadata
import textwrap

import keras
import numpy as np
import tensorflow as tf
from scipy.spatial.distance import pdist, squareform

from genai_keras.callbacks import symptoms

LOOKED_AT = 100  # samples an epoch
NUMBERS = 500  # of a single dimension, where the distances of few vary too much


class TrainingDoctor(keras.callbacks.Callback):
    """Says each symptom once, on the terminal and as text in the TensorBoard run `doctor`.

    A symptom that went away is said again when it comes back. What earlier epochs of a run that
    goes on showed is read from its `history.csv`, and not said again.

    Args:
        run_dir: the run folder.
        findings: pairs of a symptom, a function as in `symptoms.py`, and the name of the notebook
            that explains it.
        measure: a function of the model whose figures are added to each epoch's `logs`, or None.
        first: a function of the first training step's `logs`, which returns what to say or None,
            and the name of the notebook; or None.
        verbose: 0 leaves the terminal alone.
    """

    def __init__(self, run_dir, findings, measure=None, first=None, verbose=1):
        super().__init__()
        self.run_dir = run_dir
        self.findings = findings
        self.measure = measure
        self.first = first
        self.verbose = verbose
        self.epochs = None
        self.present = set()
        self.writer = None

    def on_train_begin(self, logs=None):
        if self.epochs is None:  # `fit` is called twice if a run goes on within an epoch
            self.epochs = []
            for row in _read_history(self.run_dir / "history.csv"):
                self._look(row)
        self.is_first = self.first and not self.epochs and _steps(self.model) == 0

    def on_train_batch_end(self, batch, logs=None):
        if self.is_first:
            look, notebook = self.first
            if said := look({name: float(value) for name, value in logs.items()}):
                self._say(said, notebook, epoch=0)
            self.is_first = False

    def on_epoch_end(self, epoch, logs=None):
        if self.measure:
            logs.update(self.measure(self.model))
        figures = {name: float(value) for name, value in logs.items()}
        for said, notebook in self._look({"epoch": epoch, **figures}):
            self._say(said, notebook, epoch + 1)

    def on_train_end(self, logs=None):
        if self.writer:
            self.writer.close()
            self.writer = None

    def _look(self, epoch):
        """Adds an epoch; returns what it shows for the first time, with its notebook."""
        self.epochs.append(epoch)
        found = {index: look(self.epochs) for index, (look, _) in enumerate(self.findings)}
        present = {index for index, said in found.items() if said}
        new = sorted(present - self.present)
        self.present = present
        return [(found[index], self.findings[index][1]) for index in new]

    def _say(self, said, notebook, epoch):
        link = f"{_address()}notebooks/{notebook}.ipynb"
        if self.verbose:
            text = f"doctor: {said} Why: {link}"
            lines = textwrap.wrap(text, 92, break_long_words=False, break_on_hyphens=False)
            print("\n  " + "\n    ".join(lines) + "\n")
        if not self.writer:  # a healthy run has none
            folder = self.run_dir / "tensorboard" / "doctor"
            self.writer = tf.summary.create_file_writer(str(folder))
        with self.writer.as_default(epoch):
            tf.summary.text("doctor", f"{said} Why: [{notebook}]({link})")
        self.writer.flush()


def gan_doctor(run_dir, validation, verbose=1):
    """The doctor of a GAN; `validation` is what its samples' diversity is compared with."""
    is_number = validation.element_shape == (1,)
    real = validation.first(NUMBERS if is_number else LOOKED_AT)
    findings = [
        (symptoms.saturated_discriminator, "chapter2_gan"),
        (symptoms.falling_diversity, "chapter2_gan"),
    ]

    def measure(model):
        if len(real) < 2:  # of a folder with few images
            return {}
        return {"diversity": diversity(model.generate(len(real), seed=0), real)}

    return TrainingDoctor(run_dir, findings, measure, verbose=verbose)


def vae_doctor(run_dir, shown, labels=None, warmup_epochs=0.0, verbose=1):
    """The doctor of a VAE; `shown` are validation images, and `labels` theirs, if it has any."""
    shown = shown[:LOOKED_AT]
    labels = None if labels is None else labels[:LOOKED_AT]
    findings = [
        (symptoms.collapsed_latents(warmup_epochs), "chapter4_vae"),
        (symptoms.clipped_log_variance, "chapter4_vae"),
        (symptoms.rising_validation("elbo", sign=-1), "chapter4_vae"),
    ]

    def measure(model):
        _, log_variance = model.encode(shown, labels)
        layer = model.reparameterize
        return {"clipped": clipped(log_variance, layer.low, layer.high)}

    return TrainingDoctor(run_dir, findings, measure, verbose=verbose)


def transformer_doctor(run_dir, vocabulary_size, loss="loss", verbose=1):
    """The doctor of a language model or an encoder-decoder; `loss` is its metric in nats."""
    notebook = "chapter6_writing"

    def look(logs):
        return symptoms.surprising_first_loss(logs[loss], vocabulary_size)

    findings = [(symptoms.rising_validation(loss), notebook)]
    first = (look, notebook)
    return TrainingDoctor(run_dir, findings, first=first, verbose=verbose)


def diversity(samples, real):
    """How far samples are from each other, real ones being at 1.

    Args:
        samples: `(n, ...)`, n > 1.
        real: as many samples of the data.

    Returns:
        The smaller of two ratios of mean Euclidean distances: to the nearest neighbour, which is 0
        for a few samples over and over, and between all pairs, which tells that far ones are left
        out where the others differ a little.
    """
    return min(
        float(ours / max(theirs, 1e-12))
        for ours, theirs in zip(_distances(samples), _distances(real), strict=True)
    )


def clipped(log_variance, low, high):
    """The fraction of log-variances that are at one of their bounds."""
    return float(np.mean((log_variance <= low) | (log_variance >= high)))


def _distances(samples):
    """The mean distance to the nearest neighbour, and that between all pairs."""
    pairs = pdist(np.reshape(samples, (len(samples), -1)).astype("float64"))
    distances = squareform(pairs)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1).mean(), pairs.mean()


def _steps(model):
    return int(model.optimizer.iterations)


def _address():
    """Where the notebooks are on the web, as the package's metadata say, or nothing."""
    try:
        home = importlib.metadata.metadata("genai_keras").get("Home-page")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout, not installed
        home = None
    return f"{home}/blob/main/" if home else ""


def _read_history(path):
    """The epochs of a history, as dictionaries of numbers; none if there is no such file.

    A row that does not fit the header, as of a run that an older version began, is left out.
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
