"""The options of the commands that learn images."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from genai_keras.cli.options import DATA, TrainConfig, option
from genai_keras.data.datasets import names_of

IMAGE_DATASETS = names_of("images")


@dataclass
class ImageConfig(TrainConfig):
    """The options of a command that learns from images."""

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

    def check(self):
        if self.dataset != "folder" or not self.conditional:
            self.check_unused("labels", on="a run without `dataset=folder` and `conditional`")

    def task(self):
        from genai_keras.tasks.images import Images

        return Images(self)

    def named(self, *names):
        """The values of some options, by name."""
        return {name: getattr(self, name) for name in names}
