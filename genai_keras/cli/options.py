"""Options: how a dataclass declares them, and those that every training command shares."""

import contextlib
import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

from genai_keras.cli.next_steps import resume_command, say_where
from genai_keras.cli.values import Devices, Interval, Steps
from genai_keras.errors import UsageError, printable
from genai_keras.files import write_text

FORMAT = 1  # of a run folder; raised when an older version cannot use what a newer one wrote

# The headings of `--help`, in its order.
COMMON = "common options"
DATA = "data"
NETWORK = "network"
OPTIMIZATION = "optimization"
IMAGES = "images"
FLOW = "samples of a flow"
TEXT = "text and pixels"
SAMPLES = "samples"
SHOWING = "saving and showing"
GROUPS = ("arguments", COMMON, DATA, NETWORK, OPTIMIZATION, IMAGES, FLOW, TEXT, SAMPLES, SHOWING)

# What a resumed run may change: none of these alters what a training step computes. (The data may
# move, or be saved in another form; a checksum of their content shows that they are the same.)
FREE_GROUPS = {FLOW, SAMPLES, SHOWING}
FREE_TO_CHANGE = {
    "epochs", "max_minutes", "data_dir", "labels", "encoding", "columns", "run_dir", "resume",
    "overwrite", "dry_run", "debug", "devices", "accumulate",
}  # fmt: skip


def flag_of(name, value=None):
    """The flag of an option, such as `--batch-size`, followed by its value if one is given."""
    return f"--{name.replace('_', '-')}" + ("" if value is None else f" {value}")


def free_to_change(cls, values):
    """The names of options that a resumed run may change, by its config class and its values."""
    free = {each.name for each in fields(cls) if each.metadata["group"] in FREE_GROUPS}
    fixed = set()
    if values.get("schedule") == "cosine":
        fixed.add("epochs")  # it spans the whole run, so every step would change
    if "generator_widths" in values or values.get("free_bits"):
        fixed.add("accumulate")  # batch normalization and free bits take means of a part
    return (FREE_TO_CHANGE | free) - fixed


def option(
    default,
    text,
    group=None,
    choices=None,
    at_least=None,
    above=None,
    at_most=None,
    below=None,
    positional=False,
):
    """A dataclass field that becomes a command-line option.

    Args:
        default: its default value.
        text: what `--help` says about it.
        group: the heading it stands under there; if None, that of the option it overrides, or
            `COMMON`.
        choices: the values that are allowed, or None for any.
        at_least, above, at_most, below: limits of a number.
        positional: whether it is typed without a flag.
    """
    limits = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    return field(
        default=default,
        metadata={
            "help": text,
            "group": "arguments" if positional else group,
            "choices": choices,
            "positional": positional,
            "limits": {name: limit for name, limit in limits.items() if limit is not None},
        },
    )


@dataclass
class Config:
    """The options that every command has."""

    command: ClassVar[str]
    presets: ClassVar[dict[str, dict]] = {}
    examples: ClassVar[str]
    uses_keras: ClassVar[bool] = True
    usage: ClassVar[str | None] = None

    debug: bool = option(False, "show the traceback of a failure")

    def check_unused(self, *names, on=None):
        """Raises a `UsageError` if one of the options is set although it has no effect.

        Args:
            *names: the names of the options.
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

    def announce(self):
        """Prints what the command will do, if that takes long."""

    def scope(self):
        """A context manager for all that the command does, once TensorFlow is imported."""
        return contextlib.nullcontext()

    def conclude(self):
        """Prints what to do next, after the command has done its work."""

    @staticmethod
    def in_flags(text):
        """A message to print, with flags instead of `argument` and `argument=value`."""
        text = re.sub(r"`(\w+)(?:=([^`]+))?`", lambda found: flag_of(*found.groups()), text)
        return printable(text)  # the name of a file may have a line break


@dataclass
class TrainConfig(Config):
    """The options that every training command shares."""

    presets: ClassVar[dict[str, dict]]

    preset: str = option("", "named set of defaults, listed below")
    dataset: str = option("mnist5k", "data to learn from")
    data_dir: Path | None = option(None, "folder to search for the data first, or your own file")
    run_dir: Path | None = option(None, "folder of the run (default: runs/COMMAND-PRESET-TIME)")
    epochs: int = option(20, "number of passes over the training data", at_least=1)
    max_minutes: float | None = option(
        None,
        "stop after this many minutes, with a checkpoint; a cosine schedule is not shortened",
        above=0,
    )
    resume: bool = option(False, "continue the run in --run-dir from its last checkpoint")
    overwrite: bool = option(False, "replace the run in --run-dir")
    dry_run: bool = option(False, "read the data, say what was read, and stop")
    seed: int = option(0, "seed; the same seed gives the same run", at_least=0, at_most=2**32 - 2)
    limit: int | None = option(
        None, "largest number of samples (or characters) to use", DATA, at_least=2
    )
    batch_size: int = option(64, "number of samples per training step", OPTIMIZATION, at_least=1)
    learning_rate: float = option(1e-3, "learning rate of Adam", OPTIMIZATION, above=0)
    schedule: str = option(
        "constant",
        "cosine falls to 0 over --epochs",
        OPTIMIZATION,
        choices=("constant", "cosine"),
    )
    precision: str = option(
        "float32",
        "number format of the networks",
        OPTIMIZATION,
        choices=("float32", "mixed_bfloat16"),
    )
    devices: Devices = option(
        Devices("1"),
        "GPUs (or parts of the CPU) that share each batch: a number, all, cpu or cluster",
        OPTIMIZATION,
    )
    accumulate: int = option(
        1, "compute a batch in parts, in less memory", OPTIMIZATION, at_least=1
    )
    save_every: Interval = option(
        Interval("5m"),
        "how often to save within an epoch, in steps (500) or minutes (5m); 0 for never",
        SHOWING,
    )
    histograms: bool = option(False, "write histograms of all weights to TensorBoard", SHOWING)
    profile: Steps | None = option(None, "record what these steps cost, such as 20:30", SHOWING)
    verbose: int = option(
        1, "amount of output: 0 none, 1 progress and samples, 2 plain lines", SHOWING,
        choices=(0, 1, 2),
    )  # fmt: skip
    preview: bool | None = option(None, "show samples on the terminal as they improve", SHOWING)

    def announce(self):
        if self.verbose:
            what = f"{self.command}: {self.preset}, learns {self.dataset}, {self.epochs} epoch"
            print(f"{what}{'s' if self.epochs > 1 else ''}\nfolder: {self.run_dir}", flush=True)

    def scope(self):
        from genai_keras.training.devices import on_devices

        return on_devices(self.devices)

    def conclude(self):
        if self.verbose and not self.dry_run:
            say_where(self)

    @property
    def may_be_longer(self):
        """Whether a finished run may get more epochs."""
        return "epochs" in free_to_change(type(self), vars(self))

    def task(self):
        """The `Task` to learn: that of the data set, with these options."""
        raise NotImplementedError

    def save(self, path):
        """Writes the options as JSON, without those of a single start, such as `resume`."""
        write_text(path, self._as_json())

    def _as_json(self):
        values = {"command": self.command, "format": FORMAT, **dataclasses.asdict(self)}
        for name in ("resume", "overwrite", "dry_run", "debug", "run_dir", "max_minutes"):
            del values[name]
        return json.dumps(values, indent=2, default=str) + "\n"

    def has_begun(self):
        """Whether the run folder already holds this run, and not one that it is to replace."""
        path = self.run_dir / "config.json"
        try:
            is_same = path.exists() and (self.resume or path.read_text("utf-8") == self._as_json())
            return is_same and not self.dry_run
        except (OSError, ValueError):
            return False

    def hash(self):
        """A hash of every option that a training step depends on, to detect a change."""
        values = dataclasses.asdict(self)
        free = free_to_change(type(self), values)
        relevant = {name: value for name, value in values.items() if name not in free}
        text = json.dumps([self.command, relevant], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def resume_command(self):
        """The exact command that continues the run."""
        return resume_command(self)
