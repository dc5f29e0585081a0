"""The base of all tasks."""

import contextlib
import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.data.classes import CLASSES, classes_to_json
from genai_keras.errors import UsageError, one_line, warn


@dataclass(frozen=True)
class Data:
    """The loaded data of a task, ready for training.

    Args:
        train, validation: `Batches`.
        tokenizers: tokenizers by the names of their files in a run folder.
        fingerprint: hash of the data.
        source: the result of the loader, which may contain more.
        units: what the speed of training is told in, and how many of these a sample has.
        read: what was read, as lines to print.
        sheet: samples as a model sees them, an image `(height, width, 3)` uint8, or None.
    """

    train: Batches
    validation: Batches
    tokenizers: dict = field(default_factory=dict)
    fingerprint: str | None = None
    source: object = None
    units: tuple[str, int] = ("samples", 1)
    read: tuple[str, ...] = ()
    sheet: np.ndarray | None = None

    @property
    def counts(self):
        """Number of samples for training and for validation."""
        return {"training": self.train.count, "validation": self.validation.count}

    @property
    def facts(self):
        """What must be the same on all workers of a run, by what it is called in a message."""
        return {
            "number of samples": self.counts,
            "content of the data": self.fingerprint,
            "content of its files": self.files,
        }

    @property
    def unlabelled(self):
        """Hash of the training samples without their labels; None if there are no labels."""
        if not self.train.classes:
            return None
        return dataclasses.replace(self.train, classes=None).fingerprint()

    @property
    def files(self):
        """Texts for the run folder, by file name."""
        texts = {name: tokenizer.to_json() for name, tokenizer in self.tokenizers.items()}
        if self.train.classes:
            texts[CLASSES] = classes_to_json(self.train.class_names)
        return texts


class Task:
    """One kind of data to learn, with the options of one run.

    Below, a `run` is an opened run (see `runs.py`), and a `request` is an object with the
    attributes that the method names, such as the options of a command.

    Args:
        options: options of the run, an object with attributes such as `dataset` and `seed`.
    """

    name: ClassVar[str]  # in messages
    suffixes: ClassVar[tuple[str, ...]]  # of files for samples
    sample_options: ClassVar[tuple[str, ...]]  # of a request: those that `samples` uses
    loader_options: ClassVar[tuple[str, ...]]  # of the run: those that the loader takes
    export_options: ClassVar[tuple[str, ...]] = ()  # of the run: those that signatures depend on
    tokenizer_files: ClassVar[tuple[str, ...]] = ()
    most_samples: ClassVar[int | None] = None  # limit for scores, if generating is slow

    def __init__(self, options):
        self.options = options

    def load(self, value_range=None, **changes):
        """Loads the data to learn, as `Data`.

        Args:
            value_range: range of a model of images, `(black, white)`; None for others.
            **changes: other arguments for the loader.

        Raises:
            UserError: the data are missing or unusable.
        """
        raise NotImplementedError

    def look(self, data, value_range=None):
        """What a person should see of the data before training.

        Args:
            data: the result of `load`.
            value_range: the range of images, as in `load`.

        Returns:
            The data with what was `read` and a `sheet`, and a list of warnings.
        """
        if summary := getattr(data.source, "summary", None):
            return dataclasses.replace(data, read=tuple(summary.lines())), list(summary.warnings)
        counts = " and ".join(f"{count:,} for {part}" for part, count in data.counts.items())
        return dataclasses.replace(data, read=(f"samples: {counts}",)), []

    def callbacks(self, data):
        """The callbacks that show what is learnt, for any model."""
        raise NotImplementedError

    def finish(self, model, data):
        """Evaluates a trained model again on all of the data; a line to print, or None."""

    def samples(self, run, request):
        """Samples of a run, as `Samples` or a `Text` of `samples.py`.

        Args:
            run: an opened run.
            request: has `seed` and the attributes in `sample_options`.
        """
        raise NotImplementedError

    def score(self, run, request):
        """How good a run is, as a list of `Row`.

        Args:
            run: an opened run.
            request: has `samples`, `likelihoods`, `importance_samples`, `inception` and `seed`.
        """
        raise NotImplementedError

    def images(self, run, count, seed):
        """Images of a run in [0, 1] for a comparison with others; None if it makes none."""

    def facts(self, run):
        """Facts by name that must be equal for two runs to have comparable figures."""
        return {"data set": self.options.dataset, "size": None}

    def loader_arguments(self, **changes):
        """The arguments of the loader: the options of the run, with the changes."""
        return {**{name: getattr(self.options, name) for name in self.loader_options}, **changes}

    def how(self, run, request):
        """What a request has of the arguments that the model names in `sampling`."""
        asked = {name: getattr(request, name) for name in run.model.sampling}
        return {name: value for name, value in asked.items() if value is not None}

    def sampling(self, request):
        """Sampling arguments: the options of the run, unless the request has others."""
        asked = {name: getattr(request, name) for name in ("temperature", "top_k", "top_p")}
        asked = {name: value for name, value in asked.items() if value is not None}
        return {**self.options.sampling(), "seed": request.seed, **asked}

    def check_suffix(self, path):
        """Raises a `UsageError` if samples cannot be written to a file of this name."""
        if path.suffix not in self.suffixes:
            raise UsageError(
                f"{path}: samples of {self.name} can be written to {' or '.join(self.suffixes)}"
            )


@contextlib.contextmanager
def left_in(folder, name):
    """Turns an error into a warning if a file cannot be written to a run folder."""
    try:
        yield
    except BrokenPipeError:  # of what is printed, not of the file
        raise
    except (OSError, tf.errors.OpError) as error:
        warn(f"{folder / name} cannot be written: {one_line(error)}")
