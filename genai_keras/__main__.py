"""All commands: `python -m genai_keras`, or `genai-keras` if the package is installed."""

import importlib
import sys

from genai_keras import __version__
from genai_keras.cli.command import ends_with_its_reader

COMMANDS = (
    "train_gan", "train_vae", "train_flow", "train_lm", "train_seq2seq", "generate", "evaluate",
    "export", "augment", "pack", "check", "launch",
)  # fmt: skip


@ends_with_its_reader
def main(argv=None):
    """Runs `genai-keras COMMAND ...`; without a command, lists them. Returns the exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m genai_keras.COMMAND [options]\n")
        print("Learn generative models with Keras. The commands:\n")
        for name in COMMANDS:
            text = importlib.import_module(f"genai_keras.{name}").__doc__ or ""  # none with -OO
            purpose, _, _ = text.partition("\n")
            print(f"  {name:13}  {purpose}".rstrip())
        print("\nFor the options of a command, type: python -m genai_keras.train_gan --help")
        print("Where the package is installed, this works, too: genai-keras train-gan --help")
        return 0
    if argv[0] == "--version":
        print(f"genai_keras {__version__}")
        return 0
    name = argv[0].replace("-", "_")
    if name not in COMMANDS:
        known = ", ".join(each.replace("_", "-") for each in COMMANDS)
        print(f"error: there is no command {argv[0]}: use one of {known}", file=sys.stderr)
        return 2
    return importlib.import_module(f"genai_keras.{name}").main(argv[1:])


if __name__ == "__main__":
    sys.exit(main())
