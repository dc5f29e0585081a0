"""What happens before a network is built: a look at the run folder, and at the data."""

import os
import re
import textwrap

import keras
from PIL import Image

from genai_keras import replicas
from genai_keras.errors import UserError, warn
from genai_keras.files import whole_file
from genai_keras.training import workers
from genai_keras.training.checkpoints import Checkpoints
from genai_keras.training.lock import is_free_of_files, locked
from genai_keras.training.versions import PACKAGES, versions

SHEET = "training-images.png"
WIDTH = 79
# Options that may differ between the workers of a run.
PERSONAL = {"run_dir", "data_dir", "labels", "resume", "overwrite", "verbose", "preview", "debug"}
UNBROKEN = {"break_long_words": False, "break_on_hyphens": False}


def prepare_run(config, task, value_range=None):
    """Checks that the run folder can be used, seeds everything, and reads and shows the data.

    Args:
        config: a `TrainConfig`. With `dry_run`, images to learn are left in its folder, unless
            it has a run.
        task: its `Task`.
        value_range: the range of images that the model takes.

    Returns:
        `Data`, as from the task.

    Raises:
        UserError: the folder has a run, and neither `resume` nor `overwrite` is set; or it cannot
            be written to, or another process uses it; or the data are missing, unusable or fewer
            than a batch.
    """
    folder = config.run_dir = workers.current().own_folder(config.run_dir, config.resume)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: `run_dir` must name a folder")
    _check_writable(folder)
    if folder.is_dir() and not is_free_of_files(folder, SHEET):
        with locked(folder):
            check_contents(config)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    data, warnings = task.look(task.load(value_range), value_range)
    if config.verbose or config.dry_run:
        for line in data.read:
            print(wrapped(config.in_flags(line)), flush=True)
    warn(*map(config.in_flags, warnings))
    if config.dry_run and data.sheet is not None and not (folder / "config.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_sheet(data.sheet, folder)
        print(f"{folder / SHEET} shows what a model would see", flush=True)
    own = {name: value for name, value in vars(config).items() if name not in PERSONAL}
    now = versions()
    same = {name: now[name] for name in PACKAGES}
    workers.current().compare({**own, **same, **data.facts})
    # Batches that cannot be made should fail before a network is built.
    data.train.shuffled()
    data.train.check_parts(replicas.count(), config.accumulate)
    return data


def wrapped(line):
    """A line broken at `WIDTH` characters, but not within a command, which may be copied."""
    line = re.sub("`[^`]+`", lambda found: found[0].replace(" ", "\0"), line)
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", **UNBROKEN).replace("\0", " ")


def save_sheet(sheet, folder):
    """Writes the image of samples to a run folder."""
    with whole_file(folder / SHEET) as unfinished:
        Image.fromarray(sheet).save(unfinished)


def check_contents(config):
    """Raises a `UserError` if a run in the folder is neither to be continued nor replaced."""
    folder = config.run_dir
    if config.resume:
        Checkpoints(folder / "checkpoints", made_of(config)).check_config()
    elif not config.overwrite:
        raise UserError(f"{folder} is not empty: add `resume` or `overwrite`, or use another")
    elif not (folder / "config.json").exists():
        raise UserError(
            f"{folder} is not a run (no config.json), so `overwrite` does not delete it"
        )


def made_of(config):
    """What a checkpoint notes of its making."""
    return {"versions": versions(config.accumulate), "config_hash": config.hash()}


def _check_writable(folder):
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    effective = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK, **effective):
        raise UserError(
            f"{there} cannot be written to: use another `run_dir`, or change its permissions"
        )
