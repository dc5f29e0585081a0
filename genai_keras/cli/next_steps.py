"""Where a finished run is, and what to type next."""

import os
import shlex

WORKERS = "GENAI_KERAS_WORKERS"  # the variable in which `launch` tells their number


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


def resume_command(config, workers=None):
    """The command that continues a run.

    Args:
        config: a `TrainConfig`.
        workers: how many `launch` has started, or None if it has started the run itself; a worker
            finds it in its environment.
    """
    words = [f"genai_keras.{config.command}", "--run-dir", str(config.run_dir), "--resume"]
    if workers := workers or os.environ.get(WORKERS):
        launch = ["genai_keras.launch", "--workers", str(workers), "--"]
        words = [*launch, config.command, *words[1:]]
    return shlex.join(("python", "-m", *words))
