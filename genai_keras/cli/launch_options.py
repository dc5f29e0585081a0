"""The options of `launch`."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.options import Config, option


@dataclass
class LaunchConfig(Config):
    """The options of `launch`."""

    command: ClassVar[str] = "launch"
    uses_keras: ClassVar[bool] = False
    usage: ClassVar[str] = "%(prog)s [options] -- COMMAND ..."
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.launch --workers 2 -- train_gan --epochs 2

The workers share the cores of this machine, so they are not faster than one.
They show how several machines work together; docs/scale.md tells how to use
these.
"""

    line: tuple[str, ...] = option(
        None, "after --, a command that trains, and its options", positional=True
    )
    workers: int = option(2, "number of processes", at_least=1, at_most=64)
