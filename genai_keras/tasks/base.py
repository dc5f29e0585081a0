"""What every kind of thing that is learnt has in common: the protocol of a task."""

import contextlib
import sys
from dataclasses import dataclass, field
from typing import ClassVar

import tensorflow as tf

from genai_keras.data.batches import Batches
from genai_keras.errors import UsageError


@dataclass(frozen=True)
class Data:
    """What a task has loaded, ready to train on.

    Args:
        train, validation: `Batches`.
        tokenizers: by the names of their files in a run folder.
        fingerprint: of the data; other data have another.
        source: what the loader returned, which may know more.
    """

    train: Batches
    validation: Batches
    tokenizers: dict = field(default_factory=dict)
    fingerprint: str | None = None
    source: object = None

    @property
    def counts(self):
        """How many samples there are for training and for validation."""
        return {"training": self.train.count, "validation": self.validation.count}

    @property
    def files(self):
        """Texts by name that belong in the run folder."""
        return {name: tokenizer.to_json() for name, tokenizer in self.tokenizers.items()}


class Task:
    """One kind of thing that is learnt, with the options of one run.

    A `run` below is an opened one (see `runs.py`), and a `request` what is asked of it: an object
    with the attributes that the method names, such as the options of a command.

    Args:
        options: of the run, an object with attributes such as `dataset` and `seed`.
    """

    name: ClassVar[str]  # as messages call it
    suffixes: ClassVar[tuple[str, ...]]  # of the files that samples can be written to
    sample_options: ClassVar[tuple[str, ...]]  # of a request, that have an effect on `samples`
    loader_options: ClassVar[tuple[str, ...]]  # of the run, that the loader takes
    export_options: ClassVar[tuple[str, ...]] = ()  # of the run, that its signatures depend on
    tokenizer_files: ClassVar[tuple[str, ...]] = ()
    most_samples: ClassVar[int | None] = None  # to score, where to make them takes long

    def __init__(self, options):
        self.options = options

    def load(self, value_range=None, **changes):
        """Loads what is learnt, as `Data`.

        Args:
            value_range: of a model of images, `(black, white)`; others have none.
            **changes: of the loader's arguments.

        Raises:
            UserError: the data are not there, or of no use.
        """
        raise NotImplementedError

    def callbacks(self, data):
        """The callbacks that show what is learnt, whatever the model."""
        raise NotImplementedError

    def finish(self, model, data):
        """Measures a trained model once more on all of the data; a line to print, or None."""

    def samples(self, run, request):
        """What a run makes, as `Samples` or a `Text` of `samples.py`.

        Args:
            run: an opened run.
            request: has `seed` and the attributes in `sample_options`.
        """
        raise NotImplementedError

    def score(self, run, request):
        """How good a run is, as a list of `Row`.

        Args:
            run: an opened run.
            request: has `samples`, `likelihoods`, `importance_samples` and `seed`.
        """
        raise NotImplementedError

    def images(self, run, count, seed):
        """Images of a run in [0, 1] to be shown beside those of others; None if it makes none."""

    def facts(self, run):
        """What this run and another must have in common for their figures to compare, by name."""
        return {"data set": self.options.dataset, "size": None}

    def loader_arguments(self, **changes):
        """The loader's arguments: the run's options, but for the changes."""
        return {**{name: getattr(self.options, name) for name in self.loader_options}, **changes}

    def sampling(self, request):
        """How tokens are chosen: as the run's options say, but for what is asked for."""
        asked = {name: getattr(request, name) for name in ("temperature", "top_k", "top_p")}
        asked = {name: value for name, value in asked.items() if value is not None}
        return {**self.options.sampling(), "seed": request.seed, **asked}

    def check_suffix(self, path):
        """Raises a `UsageError` if samples cannot be written to a file of this name."""
        if path.suffix not in self.suffixes:
            raise UsageError(
                f"{path}: a run of {self.name} is written to {' or '.join(self.suffixes)}"
            )


@contextlib.contextmanager
def left_in(folder, name):
    """Makes a warning of it if what is left in a run's folder cannot be written there."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        print(f"warning: {folder / name} cannot be written: {reason}", file=sys.stderr)
