"""The options of `launch`."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.options import Config, option
from genai_keras.errors import UsageError

TRAINING = ("train_gan", "train_vae", "train_lm", "train_seq2seq")


@dataclass
class LaunchConfig(Config):
    """The options of `launch`."""

    command: ClassVar[str] = "launch"
    uses_keras: ClassVar[bool] = False
    usage: ClassVar[str] = "%(prog)s [options] -- COMMAND ..."
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.launch --workers 2 -- train_gan --epochs 2

The workers share the cores of this machine, so they are not faster than one. They
show how several machines work together; docs/scale.md tells how to use these.
"""

    line: tuple[str, ...] = option(
        None, "after --, a command that trains, and its options", positional=True
    )
    workers: int = option(2, "number of processes", at_least=1, at_most=64)

    def check(self):
        if self.line[0] not in TRAINING:
            raise UsageError(f"{self.line[0]} does not train: use one of {', '.join(TRAINING)}")
