"""Where a finished run is, and what to type next."""

import os
import shlex


def say_where(config):
    """Prints the files of a run that one looks at first, and the commands to go on with."""
    folder = config.run_dir
    found = [("model", folder / "model.keras")]
    samples = sorted((folder / "samples").glob("epoch_*"))
    if samples:
        found.append(("samples", samples[-1]))
    animation = folder / "samples" / "progress.gif"
    if animation.exists():
        found.append(("animation", animation))
    print("\n" + "\n".join(f"{name:10}{path}" for name, path in found))
    run, runs = shlex.quote(str(folder)), shlex.quote(str(folder.parent))
    print("\nWhat next?")
    commands = [
        ("make samples", f"python -m genai_keras.generate {run}"),
        ("measure it", f"python -m genai_keras.evaluate {run}"),
        ("see curves", f"tensorboard --logdir {runs}"),
    ]
    if config.may_be_longer:
        longer = f"{config.resume_command()} --epochs {2 * config.epochs}"
        commands.append(("train longer", longer))
    for purpose, command in commands:
        print(f"  {purpose:13} {command}")


def resume_command(config):
    """The command that continues a run; `launch`, if that has started it."""
    words = [f"genai_keras.{config.command}", "--run-dir", str(config.run_dir), "--resume"]
    if workers := os.environ.get("GENAI_KERAS_WORKERS"):
        words = ["genai_keras.launch", "--workers", workers, "--", config.command, *words[1:]]
    return shlex.join(("python", "-m", *words))
