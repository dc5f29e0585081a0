"""A training doctor: reports problems of a run, what to try, and which chapter explains them."""

import textwrap

import keras
import numpy as np
import tensorflow as tf

from genai_keras.callbacks import symptoms
from genai_keras.callbacks.epochs import read_history
from genai_keras.callbacks.looks import diversity, outside, roughness

LOOKED_AT = 100  # samples per epoch
COMPARED = 500  # real samples
ENOUGH = 10  # validation samples; what fewer have in common may be chance
FEW = 50  # real images; fewer do not show what images may be like
GAN_ADVICE = {
    "noise": "a smaller `learning_rate`, or, with dense layers, `network` dcgan",
    "unlike": "a smaller `learning_rate`, or `label_smoothing` 0.1",
}
FLOW_ADVICE = {
    "noise": "more `epochs`, or a smaller `learning_rate`",
    "unlike": "more `epochs`, more `steps`, or larger `widths`",
}
VAE_ADVICE = {
    "noise": "a smaller `learning_rate`, or larger `widths`",
    "unlike": "larger `widths`, a smaller `latent_dim`, or a larger `beta`",
}


class TrainingDoctor(keras.callbacks.Callback):
    """Reports each symptom once, on the terminal and as text on TensorBoard.

    A symptom that disappears is reported again when it comes back. A resumed run reads the symptoms
    of earlier epochs from its `history.csv` and does not report them again.

    Args:
        run_dir: the run folder.
        findings: pairs of a symptom (a function as in `symptoms.py`) and the name of the notebook
            that explains it.
        measure: a function of the model that returns figures for each epoch's `logs`, or None.
        first: a pair of a function and the name of a notebook, or None. The function takes the
            `logs` of the first training step and returns a message or None.
        verbose: 0 prints nothing on the terminal.
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

    def on_train_begin(self, logs=None):
        if self.epochs is None:  # a run that resumes within an epoch calls `fit` twice
            self.epochs = []
            for row in read_history(self.run_dir / "history.csv"):
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

    def _look(self, epoch):
        """Adds an epoch; returns the messages of its new symptoms, each with its notebook."""
        self.epochs.append(epoch)
        found = {index: look(self.epochs) for index, (look, _) in enumerate(self.findings)}
        present = {index for index, said in found.items() if said}
        new = sorted(present - self.present)
        self.present = present
        return [(found[index], self.findings[index][1]) for index in new]

    def _say(self, said, notebook, epoch):
        said += f" See notebooks/{notebook}.ipynb"
        if self.verbose:
            text = f"doctor: {said}"
            lines = textwrap.wrap(text, 92, break_long_words=False, break_on_hyphens=False)
            print("\n  " + "\n    ".join(lines) + "\n")
        tf.summary.text("doctor", said, step=epoch)
        tf.summary.flush()


def gan_doctor(run_dir, validation, verbose=1):
    """The doctor of a GAN, which compares samples with those of `validation`."""
    findings = [
        (symptoms.saturated_discriminator, "chapter2_gan"),
        (symptoms.falling_diversity, "chapter2_gan"),
    ]
    return _doctor_of_samples(run_dir, validation, findings, "chapter2_gan", GAN_ADVICE, verbose)


def flow_doctor(run_dir, validation, verbose=1):
    """The doctor of a flow, which compares samples with those of `validation`."""
    notebook = "chapter8_flow"
    findings = [(symptoms.rising_validation("loss"), notebook)]
    return _doctor_of_samples(run_dir, validation, findings, notebook, FLOW_ADVICE, verbose)


def _doctor_of_samples(run_dir, validation, findings, notebook, advice, verbose):
    real = validation.first(COMPARED)
    # Distances of fewer numbers vary too much.
    count = len(real) if validation.element_shape == (1,) else LOOKED_AT

    def measure(model):
        if len(real) < ENOUGH:
            return {}
        samples = model.generate(min(count, len(real)), seed=0)
        figures = {"diversity": diversity(samples, real[:count])}
        return {**figures, **_image_figures(samples, real, model.value_range)}

    findings = [*findings, *_image_findings(real, notebook, advice)]
    return TrainingDoctor(run_dir, findings, measure, verbose=verbose)


def vae_doctor(run_dir, shown, labels=None, warmup_epochs=0.0, verbose=1):
    """The doctor of a VAE; `shown` are validation images, with their `labels` if there are any."""
    real, shown = shown[:COMPARED], shown[:LOOKED_AT]
    labels = None if labels is None else labels[:LOOKED_AT]
    findings = [(symptoms.clipped_log_variance, "chapter4_vae")]
    if len(shown) >= ENOUGH:
        findings += [
            *_image_findings(real, "chapter4_vae", VAE_ADVICE),
            (symptoms.collapsed_latents(warmup_epochs), "chapter4_vae"),
            (symptoms.rising_validation("elbo", sign=-1), "chapter4_vae"),
        ]

    def measure(model):
        _, log_variance = model.encode(shown, labels)
        layer = model.reparameterize
        figures = {"clipped": clipped(log_variance, layer.low, layer.high)}
        if not _are_images(real):
            return figures
        samples = model.generate(LOOKED_AT, seed=0)
        return {**figures, **_image_figures(samples, real, model.value_range)}

    return TrainingDoctor(run_dir, findings, measure, verbose=verbose)


def transformer_doctor(run_dir, vocabulary_size, loss="loss", verbose=1):
    """The doctor of a language model or an encoder-decoder; `loss` is its metric in nats."""
    notebook = "chapter6_writing"

    def look(logs):
        return symptoms.surprising_first_loss(logs[loss], vocabulary_size)

    findings = [(symptoms.rising_validation(loss), notebook)]
    first = (look, notebook)
    return TrainingDoctor(run_dir, findings, first=first, verbose=verbose)


def clipped(log_variance, low, high):
    """The fraction of log-variances that are at one of their bounds."""
    return float(np.mean((log_variance <= low) | (log_variance >= high)))


def _image_findings(real, notebook, advice):
    """The symptoms of generated images, each with its notebook; none if they are numbers."""
    if not _are_images(real):
        return []
    return [
        (symptoms.noise(roughness(real), advice["noise"]), notebook),
        (symptoms.unlike_real(advice["unlike"]), notebook),
    ]


def _image_figures(samples, real, value_range):
    """The figures of `_image_findings`."""
    if not _are_images(real):
        return {}
    low, high = value_range
    unit = [(images - low) / (high - low) for images in (samples, real)]
    return {"roughness": roughness(samples), **outside(*unit)}


def _are_images(real):
    return real.ndim == 4 and len(real) >= FEW


def _steps(model):
    return int(model.optimizer.iterations.numpy())
