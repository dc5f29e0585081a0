"""Finished runs, as the commands that use them find them."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from genai_keras.config.base import TrainConfig
from genai_keras.config.images import GANConfig, VAEConfig
from genai_keras.config.text import LanguageModelConfig, Seq2SeqConfig
from genai_keras.data.tokenizers import Tokenizer, load_tokenizer
from genai_keras.errors import UserError
from genai_keras.models import gan, language_model, seq2seq, vae  # noqa: F401  what files hold
from genai_keras.parsing import load_config, resume_command

TRAINED = (GANConfig, VAEConfig, LanguageModelConfig, Seq2SeqConfig)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: where it lies.
        config: what it was told.
        model: what it trained.
    """

    folder: Path
    config: TrainConfig
    model: keras.Model

    @property
    def kind(self):
        """What the model makes: "pictures", "numbers", "text", "pixels" or "pairs"."""
        if isinstance(self.config, LanguageModelConfig):
            return "pixels" if self.config.learns_pixels else "text"
        if isinstance(self.config, Seq2SeqConfig):
            return "pairs"
        return "numbers" if self.config.dataset == "mixture" else "pictures"

    def tokenizer(self, side=None) -> Tokenizer:
        """The tokenizer that the run learnt; of pairs, that of the side "source" or "target"."""
        return load_tokenizer(
            self.folder / (f"{side}-tokenizer.json" if side else "tokenizer.json")
        )


def open_run(folder, data_dir=None):
    """Opens a finished run.

    Args:
        folder: of the run.
        data_dir: where its data are now, if they have moved.

    Raises:
        UserError: it is no run, not finished, damaged, or of a newer version.
    """
    if not folder.is_dir():
        raise UserError(f"there is no run in {folder}: the folder does not exist")
    if not (folder / "config.json").exists():
        raise UserError(f"{folder} is not a run: it has no config.json")
    cls, values = load_config(folder / "config.json", TRAINED)
    config = cls(**values, run_dir=folder)
    if data_dir:
        config.data_dir = data_dir
    path = folder / "model.keras"
    if not path.exists():
        raise UserError(
            f"{folder} is not finished: it has no model.keras; go on with {resume_command(config)}"
        )
    try:
        model = keras.saving.load_model(path)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{path} cannot be loaded ({reason[0]}); make it again with {resume_command(config)}"
        ) from None
    return Run(folder, config, model)
