"""Finished runs, as the commands that use them find them."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from genai_keras.cli.options import TrainConfig
from genai_keras.cli.image_options import GANConfig, VAEConfig
from genai_keras.cli.text_options import LanguageModelConfig, Seq2SeqConfig
from genai_keras.data.arrays import reason_of
from genai_keras.data.images import load_images
from genai_keras.data.pairs import load_pairs
from genai_keras.data.pixels import load_pixels
from genai_keras.data.text import load_text
from genai_keras.data.tokenizers import Tokenizer, load_tokenizer
from genai_keras.errors import UserError
from genai_keras.models.gan import GAN
from genai_keras.models.language_model import LanguageModel
from genai_keras.models.seq2seq import Seq2Seq
from genai_keras.models.vae import VAE
from genai_keras.cli.parsing import load_config, resume_command
from genai_keras.training.versions import check_data, read_versions

TRAINED = {
    GANConfig: GAN,
    VAEConfig: VAE,
    LanguageModelConfig: LanguageModel,
    Seq2SeqConfig: Seq2Seq,
}
LOADERS = {"pictures": load_images, "pixels": load_pixels, "text": load_text, "pairs": load_pairs}


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

    @property
    def sides(self):
        """The names of its tokenizers, as `tokenizer` takes them."""
        return {"text": (None,), "pairs": ("source", "target")}.get(self.kind, ())

    def data(self, **changes):
        """What the run learnt and was validated with, as the loader of its kind returns it.

        Args:
            **changes: of the loader's arguments, such as `binarize=False`.

        Raises:
            UserError: they are not there, or are others than the run learnt.
        """
        found = LOADERS[self.kind](**{**self.config.source(), **changes})
        train, validation = found if isinstance(found, tuple) else (found.train, found.validation)
        counts = {"training": train.count, "validation": validation.count}
        if self.kind == "pixels":  # training looks at a part of the validation pictures
            former = read_versions(self.folder).get("samples", counts)
            counts["validation"] = former["validation"]
        files = {}
        for side in self.sides:
            tokenizer = getattr(found, f"{side}_tokenizer" if side else "tokenizer")
            files[tokenizer_file(side)] = tokenizer.to_json()
        fingerprint = getattr(found, "fingerprint", None) or train.fingerprint()
        check_data(self.folder, counts, files, fingerprint, doing="use")
        return found

    def tokenizer(self, side=None) -> Tokenizer:
        """The tokenizer that the run learnt; of pairs, that of the side "source" or "target"."""
        return load_tokenizer(self.folder / tokenizer_file(side))


def tokenizer_file(side=None):
    """The name of the file of a tokenizer in a run folder."""
    return f"{side}-tokenizer.json" if side else "tokenizer.json"


def load_run(folder, data_dir=None):
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
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith("/") or ".." in name.split("/"):
                    raise ValueError(f"{name} in it leads out of its folder")
            damaged = archive.testzip()  # Keras reads weights whose checksum is wrong
        if damaged:
            raise ValueError(f"{damaged} in it is damaged")
        model = keras.saving.load_model(path, safe_mode=True)  # runs no code that is in the file
    except Exception as error:  # zip, HDF5, JSON and Keras each raise their own
        raise UserError(
            f"{path} cannot be loaded ({reason_of(error)}); make it again with "
            f"{resume_command(config)}"
        ) from None
    if not isinstance(model, TRAINED[cls]) or (
        bool(getattr(model, "classes", 0)) != getattr(config, "conditional", False)
    ):
        raise UserError(f"{path} is not of this run: its config.json tells of another model")
    return Run(folder, config, model)
