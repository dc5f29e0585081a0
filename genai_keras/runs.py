"""Opening finished runs and saved models."""

import functools
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from genai_keras.cli.flow_options import FlowConfig
from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.options import TrainConfig
from genai_keras.cli.parsing import load_config
from genai_keras.cli.text_options import LanguageModelConfig, Seq2SeqConfig
from genai_keras.cli.vae_options import VAEConfig
from genai_keras.data.classes import CLASSES, read_classes
from genai_keras.data.tokenizers import load_tokenizer
from genai_keras.errors import UserError, one_line
from genai_keras.models.flow import Flow
from genai_keras.models.gan import GAN
from genai_keras.models.language_model import LanguageModel
from genai_keras.models.seq2seq import Seq2Seq
from genai_keras.models.vae import VAE
from genai_keras.tasks.base import Task
from genai_keras.training.versions import check_data

# The model that each training command makes.
TRAINED = {
    GANConfig: GAN,
    VAEConfig: VAE,
    FlowConfig: Flow,
    LanguageModelConfig: LanguageModel,
    Seq2SeqConfig: Seq2Seq,
}


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: folder of the run.
        config: options of the run.
        model: the trained model.
        task: the kind of data that it learnt.
    """

    folder: Path
    config: TrainConfig
    model: keras.Model
    task: Task

    def load(self, **changes):
        """The training and validation data of the run, as `Data`.

        Args:
            **changes: other arguments for the loader, such as `binarize=False`.

        Raises:
            UserError: the data are missing, or they are not those of the run.
        """
        value_range = getattr(self.model, "value_range", None)
        data = self.task.load(**{"value_range": value_range, **changes})
        check_data(self.folder, data.counts, data.files, data.fingerprint, doing="use")
        return data

    @functools.cached_property
    def data(self):
        """The result of `load` without changes, loaded on first use."""
        return self.load()

    @functools.cached_property
    def class_names(self):
        """The names of the classes in the order of their labels; none if there are no labels."""
        return read_classes(self.folder / CLASSES, getattr(self.model, "classes", 0))

    @functools.cached_property
    def tokenizers(self):
        """The tokenizers of the run, by the names of their files."""
        return {name: load_tokenizer(self.folder / name) for name in self.task.tokenizer_files}

    def generate(self, *arguments, **keywords):
        """The result of `generate` of the model."""
        return self.model.generate(*arguments, **keywords)


def load_run(folder, data_dir=None):
    """Opens a finished run.

    Args:
        folder: folder of the run, such as `runs/mine`.
        data_dir: folder of the run's data, if it has moved.

    Returns:
        A `Run`.

    Raises:
        UserError: the folder is not a run, or the run is unfinished, damaged or from a newer
            version.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"there is no run in {folder}: the folder does not exist")
    if not (folder / "config.json").exists():
        raise UserError(f"{folder} is not a run: it has no config.json")
    cls, values = load_config(folder / "config.json", TRAINED)
    config = cls(**values, run_dir=folder)
    if data_dir:
        _move_data(config, Path(data_dir))
    path = folder / "model.keras"
    if not path.exists():
        raise UserError(
            f"{folder} is not finished, it has no model.keras: continue with "
            f"{config.resume_command()}"
        )
    try:
        model = _read_model(path)
    except MemoryError:  # nothing is wrong with the file
        raise
    except Exception as error:  # zip, HDF5, JSON and Keras raise errors of many types
        raise UserError(
            f"{path} cannot be loaded ({one_line(error)}): write it again with "
            f"{config.resume_command()}"
        ) from None
    if not isinstance(model, TRAINED[cls]) or (
        bool(getattr(model, "classes", 0)) != getattr(config, "conditional", False)
    ):
        raise UserError(
            f"{path} does not belong to this run: its config.json describes another model"
        )
    return Run(folder, config, model, config.task())


def _move_data(config, data_dir):
    """Sets the folder of the data, and the file of labels if that was in it."""
    labels = getattr(config, "labels", None)
    if labels and config.data_dir and labels.is_relative_to(config.data_dir):
        config.labels = data_dir / labels.relative_to(config.data_dir)
    config.data_dir = data_dir


def load_model(path):
    """Loads any saved model of this package, or one of its networks.

    No code in the file is executed. All classes of the package are known without further imports.

    Args:
        path: path of a `.keras` file.

    Raises:
        UserError: the file is of another kind, damaged, or contains an unknown class.
    """
    try:
        return _read_model(path)
    except Exception as error:  # zip, HDF5, JSON and Keras raise errors of many types
        said = str(error)
        if unknown := re.search(r"Could not locate class '([^']+)'", said):
            raise UserError(
                f"{path} has a network of the unknown class {unknown[1]}: first import the module "
                "that defines it, with `@keras.saving.register_keras_serializable()` above the "
                "class"
            ) from None
        # Keras prints the whole config before the reason.
        reason = one_line(said.split("Exception encountered:")[-1] or error)
        raise UserError(f"{path} cannot be loaded: {reason}") from None


def _read_model(path):
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("/") or ".." in name.split("/"):
                raise ValueError(f"its member {name} leads out of its folder")
        damaged = archive.testzip()  # Keras accepts weights with a wrong checksum
    if damaged:
        raise ValueError(f"its member {damaged} is damaged")
    return keras.saving.load_model(path, safe_mode=True)
