"""Lists the commands: `python -m genai_keras`."""

import importlib

COMMANDS = (
    "train_gan", "train_vae", "train_lm", "train_seq2seq", "evaluate", "generate", "export",
    "augment", "check",
)  # fmt: skip


def main():
    print("genai_keras: learn generative models with Keras. The commands:\n")
    for name in COMMANDS:
        purpose = importlib.import_module(f"genai_keras.{name}").__doc__.splitlines()[0]
        print(f"  python -m genai_keras.{name:14} {purpose}")
    print("\nEach explains itself with --help.")


if __name__ == "__main__":
    main()
