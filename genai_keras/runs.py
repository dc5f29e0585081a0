"""Finished runs, as whoever uses them finds them."""

import functools
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from genai_keras.cli.image_options import GANConfig, VAEConfig
from genai_keras.cli.options import TrainConfig
from genai_keras.cli.parsing import load_config
from genai_keras.cli.text_options import LanguageModelConfig, Seq2SeqConfig
from genai_keras.data.arrays import reason_of
from genai_keras.data.tokenizers import load_tokenizer
from genai_keras.errors import UserError
from genai_keras.models.gan import GAN
from genai_keras.models.language_model import LanguageModel
from genai_keras.models.seq2seq import Seq2Seq
from genai_keras.models.vae import VAE
from genai_keras.tasks.base import Task
from genai_keras.training.versions import check_data

# What each command that trains makes.
TRAINED = {
    GANConfig: GAN,
    VAEConfig: VAE,
    LanguageModelConfig: LanguageModel,
    Seq2SeqConfig: Seq2Seq,
}


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: where it lies.
        config: what it was told.
        model: what it trained.
        task: what kind of thing it learnt.
    """

    folder: Path
    config: TrainConfig
    model: keras.Model
    task: Task

    def load(self, **changes):
        """What the run learnt and was validated with, as `Data`.

        Args:
            **changes: of the loader's arguments, such as `binarize=False`.

        Raises:
            UserError: they are not there, or are others than the run learnt.
        """
        value_range = getattr(self.model, "value_range", None)
        data = self.task.load(**{"value_range": value_range, **changes})
        check_data(self.folder, data.counts, data.files, data.fingerprint, doing="use")
        return data

    @functools.cached_property
    def data(self):
        """What `load` returns without changes, read when it is first asked for."""
        return self.load()

    @functools.cached_property
    def tokenizers(self):
        """The tokenizers that the run learnt, by the names of their files."""
        return {name: load_tokenizer(self.folder / name) for name in self.task.tokenizer_files}

    def generate(self, *arguments, **keywords):
        """What the model's own `generate` makes."""
        return self.model.generate(*arguments, **keywords)


def load_run(folder, data_dir=None):
    """Opens a finished run.

    Args:
        folder: of the run, such as `runs/mine`.
        data_dir: where its data are now, if they have moved.

    Returns:
        A `Run`.

    Raises:
        UserError: it is no run, not finished, damaged, or of a newer version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"there is no run in {folder}: the folder does not exist")
    if not (folder / "config.json").exists():
        raise UserError(f"{folder} is not a run: it has no config.json")
    cls, values = load_config(folder / "config.json", TRAINED)
    config = cls(**values, run_dir=folder)
    if data_dir:
        config.data_dir = Path(data_dir)
    path = folder / "model.keras"
    if not path.exists():
        raise UserError(
            f"{folder} is not finished: it has no model.keras; go on with {config.resume_command()}"
        )
    try:
        model = _read_model(path)
    except Exception as error:  # zip, HDF5, JSON and Keras each raise their own
        raise UserError(
            f"{path} cannot be loaded ({reason_of(error)}); make it again with "
            f"{config.resume_command()}"
        ) from None
    if not isinstance(model, TRAINED[cls]) or (
        bool(getattr(model, "classes", 0)) != getattr(config, "conditional", False)
    ):
        raise UserError(f"{path} is not of this run: its config.json tells of another model")
    return Run(folder, config, model, config.task())


def load_model(path):
    """Loads any saved model of this package, or one of its networks.

    Nothing that is in the file is run as code. All classes are known, whatever was imported.

    Args:
        path: of a `.keras` file.

    Raises:
        UserError: it is no such file, damaged, or made of a class that is not known here.
    """
    try:
        return _read_model(path)
    except Exception as error:  # zip, HDF5, JSON and Keras each raise their own
        said = str(error)
        if unknown := re.search(r"Could not locate class '([^']+)'", said):
            raise UserError(
                f"{path} has a network of class {unknown[1]}, which is not known here: import the "
                "module that defines it first, with `@keras.saving.register_keras_serializable()` "
                "above the class"
            ) from None
        # Before its reason, Keras prints the whole config.
        reason = reason_of(said.split("Exception encountered:")[-1] or error)
        raise UserError(f"{path} cannot be loaded: {reason}") from None


def _read_model(path):
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("/") or ".." in name.split("/"):
                raise ValueError(f"{name} in it leads out of its folder")
        damaged = archive.testzip()  # Keras reads weights whose checksum is wrong
    if damaged:
        raise ValueError(f"{damaged} in it is damaged")
    return keras.saving.load_model(path, safe_mode=True)
