"""Options: how a dataclass declares them, and those that every training command shares."""

import dataclasses
import hashlib
import json
import math
import re
import shlex
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

from genai_keras.errors import UsageError
from genai_keras.files import write_text

FORMAT = 1  # of a run folder: grows when a version could not use what a newer one made

# What a resumed run may change: none of these alters what a training step computes. (That the data
# are the same ones, wherever they are now, is seen by looking at them.)
FREE_TO_CHANGE = {
    "epochs", "max_minutes", "save_every", "data_dir", "run_dir", "resume", "overwrite", "verbose",
    "debug", "histograms", "evaluate", "evaluation_samples", "prompt", "sample_length",
    "temperature", "top_k", "top_p", "beam_width", "length_penalty",
}  # fmt: skip


def flag_of(name, value=None):
    """What is typed for an option, `--batch-size`, with its value if there is one."""
    return f"--{name.replace('_', '-')}" + ("" if value is None else f" {value}")


def free_to_change(values):
    """The names of options that a run which goes on may change, of its options by name."""
    # A cosine's length is that of the run, so another number of epochs would change every step.
    return FREE_TO_CHANGE - ({"epochs"} if values.get("schedule") == "cosine" else set())


def option(
    default,
    text,
    choices=None,
    at_least=None,
    above=None,
    at_most=None,
    below=None,
    positional=False,
):
    """A dataclass field that becomes a command-line option, with the range of its numbers."""
    limits = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    return field(
        default=default,
        metadata={
            "help": text,
            "choices": choices,
            "positional": positional,
            "limits": {name: limit for name, limit in limits.items() if limit is not None},
        },
    )


class Interval:
    """So many steps, written `500`, or so many minutes, written `5m`; 0 is never."""

    def __init__(self, text):
        text = str(text)
        self.text = text
        in_minutes = text.endswith("m")
        number = float(text.removesuffix("m")) if in_minutes else int(text)
        if not 0 <= number < math.inf:
            raise ValueError(f"{text} is no number of steps or minutes")
        self.steps = 0 if in_minutes else number
        self.seconds = 60 * number if in_minutes else 0

    def is_over(self, steps, seconds):
        """Whether so many steps, or seconds, are as much as it allows."""
        return 0 < self.steps <= steps or 0 < self.seconds <= seconds

    def __str__(self):
        return self.text

    def __eq__(self, other):
        return isinstance(other, Interval) and self.text == other.text

    def __hash__(self):
        return hash(self.text)


@dataclass
class Config:
    """What every command has."""

    command: ClassVar[str]
    presets: ClassVar[dict[str, dict]] = {}
    examples: ClassVar[str]

    debug: bool = option(False, "show the traceback of a failure")

    def check_unused(self, *names, on=None):
        """Raises a `UsageError` for options that are set although they have no effect.

        Args:
            *names: of the options.
            on: what they have no effect on; the data set if None.
        """
        usual = {each.name: each.default for each in fields(self)}
        usual |= self.presets.get(getattr(self, "preset", None), {})
        for name in names:
            if getattr(self, name) != usual[name]:
                on = on or f"`dataset={self.dataset}`"
                raise UsageError(f"`{name}` has no effect on {on}: leave it out")

    def check(self):
        """Raises a `UsageError` for options that cannot be used together."""

    @staticmethod
    def in_flags(text):
        """A message that speaks of `arguments` and `arguments=values`, as they are typed."""
        return re.sub(r"`(\w+)(?:=([^`]+))?`", lambda found: flag_of(*found.groups()), text)


@dataclass
class TrainConfig(Config):
    """The options that every training command shares."""

    presets: ClassVar[dict[str, dict]]

    preset: str = option("", "a named set of defaults; a flag that is typed wins over it")
    dataset: str = option("mnist5k", "what to learn from")
    data_dir: Path | None = option(
        None, "folder to look in for the data, before its usual places; text and pairs: your file"
    )
    epochs: int = option(20, "passes over the training data", at_least=1)
    batch_size: int = option(64, "samples per training step", at_least=1)
    learning_rate: float = option(1e-3, "Adam's learning rate", above=0)
    schedule: str = option(
        "constant",
        "how the learning rate changes: cosine lowers it to 0 over --epochs",
        choices=("constant", "cosine"),
    )
    seed: int = option(0, "same seed, same run, bit for bit", at_least=0, at_most=2**32 - 2)
    run_dir: Path | None = option(None, "where the run is kept (default: runs/COMMAND-PRESET-TIME)")
    resume: bool = option(False, "go on with the run in --run-dir from its last checkpoint")
    overwrite: bool = option(False, "replace the run in --run-dir")
    limit: int | None = option(
        None, "use only so many samples of the data (text: characters)", at_least=2
    )
    max_minutes: float | None = option(
        None, "stop, with a checkpoint, after so long; a cosine does not shorten with it", above=0
    )
    save_every: Interval = option(
        Interval("5m"),
        "also save within epochs: every so many steps (500) or minutes (5m); 0 for never",
    )
    precision: str = option(
        "float32",
        "number format that the networks compute in",
        choices=("float32", "mixed_bfloat16"),
    )
    histograms: bool = option(
        False, "write a histogram of every weight to TensorBoard after each epoch"
    )
    verbose: int = option(1, "0 silent, 1 progress bar, 2 one line per epoch", choices=(0, 1, 2))

    def task(self):
        """What is learnt: the `Task` of the data set, with these options."""
        raise NotImplementedError

    def save(self, path):
        """Writes the options as JSON. What only steers one start (`resume`, ...) is left out."""
        values = {"command": self.command, "format": FORMAT, **dataclasses.asdict(self)}
        for name in ("resume", "overwrite", "debug", "run_dir", "max_minutes"):
            del values[name]
        write_text(path, json.dumps(values, indent=2, default=str) + "\n")

    def hash(self):
        """A hash of all that a training step depends on, so that it cannot change unseen."""
        values = dataclasses.asdict(self)
        told = {name: values[name] for name in values if name not in free_to_change(values)}
        text = json.dumps([self.command, told], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def resume_command(self):
        """The exact command that goes on with the run."""
        words = ("-m", f"genai_keras.{self.command}", "--run-dir", str(self.run_dir), "--resume")
        return shlex.join(("python", *words))
