"""The options of the commands that learn images, and of the one that packs them."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from genai_keras.cli.options import DATA, Config, TrainConfig, option
from genai_keras.data.datasets import DATASETS, names_of
from genai_keras.errors import UsageError

IMAGE_DATASETS = names_of("images")


@dataclass
class ImageConfig(TrainConfig):
    """The options of a command that learns from images, or numbers if its data sets have any."""

    dataset: str = option("mnist5k", "data to learn from", choices=IMAGE_DATASETS)
    image_size: int | None = option(
        None, "side in pixels to resize to (default for folder, photos: 64)", DATA, at_least=4
    )
    channels: int | None = option(
        None, "1 for grey, 3 for colour (default for folder: from the images)", DATA, choices=(1, 3)
    )
    conditional: bool = option(
        False, "learn images given their labels, so that generate --label can choose one", DATA
    )
    labels: Path | None = option(
        None, "CSV file with the files and labels of folder (default: its subfolders)", DATA
    )

    binarizes: ClassVar[bool] = False  # whether each pixel is sampled as black or white
    for_numbers: ClassVar[str | None] = None  # the preset that learns numbers

    @property
    def learns_numbers(self):
        """Whether a sample is a number, not an image."""
        return DATASETS[self.dataset].kind == "numbers"

    def check(self):
        if self.dataset != "folder" or not self.conditional:
            self.check_unused("labels", on="a run without `dataset=folder` and `conditional`")
        if not self.learns_numbers:
            return
        self.check_unused("conditional", "data_dir", "image_size", "channels")
        if self.network != "dense":
            raise UsageError(
                f"a {self.network} generates images, but {self.dataset} has none: use "
                f"`preset={self.for_numbers}`"
            )

    def task(self):
        if self.learns_numbers:
            from genai_keras.tasks.densities import Densities

            return Densities(self)
        from genai_keras.tasks.images import Images

        return Images(self)

    def named(self, *names):
        """The values of some options, by name."""
        return {name: getattr(self, name) for name in names}


@dataclass
class PackConfig(Config):
    """The options of `pack`."""

    command: ClassVar[str] = "pack"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.pack my_images --image-size 32
  python -m genai_keras.train_gan --dataset folder --data-dir my_images-packed

100,000 small images take about half a minute.
"""

    folder: Path = option(None, "folder of the images", positional=True)
    out: Path | None = option(None, "new folder to write to (default: FOLDER-packed)")
    image_size: int = option(64, "side in pixels to resize to", at_least=4)
    channels: int | None = option(
        None, "1 for grey, 3 for colour (default: from the images)", choices=(1, 3)
    )
    limit: int | None = option(None, "largest number of images", at_least=2)
    conditional: bool = option(False, "keep labels, for training with --conditional")
    labels: Path | None = option(
        None, "CSV file with the files and their labels (default: the subfolders)"
    )

    def check(self):
        if not self.conditional:
            self.check_unused("labels", on="a pack without `conditional`")
        place = self.folder.resolve()
        self.out = self.out or place.with_name(f"{place.name}-packed")
