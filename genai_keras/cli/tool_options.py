"""The options of the commands that use what was trained."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from genai_keras.cli.options import Config, option
from genai_keras.errors import UsageError

CHAPTERS = tuple(f"chapter{number}" for number in range(1, 8))  # of the notebooks
LENET_DATASETS = ("mnist", "fashion_mnist")  # that a LeNet is shipped for
RUN = "the folder of a finished run"
DATA_DIR = "where its data are now, if they have moved"
PLACE = "folder to look in for the data, before its usual places"


@dataclass
class EvaluateConfig(Config):
    """The options of `evaluate`."""

    command: ClassVar[str] = "evaluate"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.evaluate runs/mine
  python -m genai_keras.evaluate --compare runs/gan runs/vae --image both.png

A GAN of all of MNIST takes about half a minute on one CPU core.
"""

    run: Path | None = option(None, RUN, positional=True)
    compare: tuple[Path, ...] = option(
        (), "several runs: one table, and their samples side by side"
    )
    image: Path = option(Path("comparison.png"), "where --compare draws the samples")
    data_dir: Path | None = option(None, DATA_DIR)
    json: Path | None = option(None, "write all figures to this file, too")
    samples: int = option(
        10_000, "compare at most so many generated images with as many real ones", at_least=100
    )
    likelihoods: int = option(
        1_000, "estimate the likelihood of at most so many validation images", at_least=2
    )
    importance_samples: int = option(
        100, "draws of z for each of them, a multiple of 100", at_least=100
    )
    seed: int = option(0, "of samples and of resampling", at_least=0, at_most=2**32 - 2)

    @property
    def folders(self):
        """Those of all runs."""
        return self.compare or (self.run,)

    def check(self):
        if bool(self.run) == bool(self.compare):
            raise UsageError("name one run, or two and more behind `compare`")
        if self.importance_samples % 100:
            raise UsageError("`importance_samples` must be a multiple of 100")
        if len({each.resolve() for each in self.folders}) < max(len(self.compare), 1) or (
            len(self.compare) == 1
        ):
            raise UsageError("`compare` needs two runs or more, each of them once")
        if not self.compare:
            self.check_unused("image", on="a single run")
        if self.image.suffix not in (".png", ".jpg"):
            raise UsageError(f"`image={self.image}`: name a .png or .jpg file")


@dataclass
class GenerateConfig(Config):
    """The options of `generate`."""

    command: ClassVar[str] = "generate"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.generate runs/mine --count 100 --out digits.png
  python -m genai_keras.generate runs/shakespeare --prompt "ROMEO:" --temperature 0.7

64 images take a few seconds on two CPU cores, most of them to load TensorFlow.
"""

    run: Path = option(None, RUN, positional=True)
    count: int | None = option(
        None, "samples (default: 64 images, 1 text, 1000 numbers)", at_least=1
    )
    seed: int = option(0, "same seed, same samples", at_least=0, at_most=2**32 - 2)
    out: Path | None = option(
        None, "a .png, .npy or .txt file (default: RUN/generated.png; text goes to the terminal)"
    )
    label: tuple[int, ...] = option(
        (), "classes to make, in turn, by a conditional model (default: all)", at_least=0
    )
    interpolate: bool = option(False, "walk from one image to the next, one walk per row")
    complete: bool = option(
        False, "pixels: complete the upper halves of digits that training did not see"
    )
    data_dir: Path | None = option(None, f"--complete: {DATA_DIR}")
    prompt: str | None = option(None, "what to continue (text) or translate (pairs)")
    length: int | None = option(
        None, "tokens to write (text; default: the run's --sample-length)", at_least=1
    )
    temperature: float | None = option(
        None, "of text and pixels; 0 takes the likeliest (default: the run's)", at_least=0
    )
    top_k: int | None = option(None, "draw from the k likeliest tokens", at_least=1)
    top_p: float | None = option(
        None, "draw from the likeliest tokens of this mass", above=0, at_most=1
    )

    def check_only(self, names, on):
        """Raises a `UsageError` for options of samples that are set, but not among the names."""
        of_samples = {
            "count", "label", "interpolate", "complete", "data_dir", "prompt", "length",
            "temperature", "top_k", "top_p",
        }  # fmt: skip
        self.check_unused(*sorted(of_samples - set(names)), on=on)


@dataclass
class ExportConfig(Config):
    """The options of `export`."""

    command: ClassVar[str] = "export"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.export runs/mine --out served/digits
  python -m genai_keras.export runs/dates --out served/dates

It takes some seconds, most of them to load TensorFlow.
"""

    run: Path = option(None, RUN, positional=True)
    out: Path | None = option(None, "a new folder (default: RUN/export)")


@dataclass
class AugmentConfig(Config):
    """The options of `augment`."""

    command: ClassVar[str] = "augment"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.augment --dataset mnist --data-dir my_data
  python -m genai_keras.augment runs/conditional --per-class 10 --seeds 3

On all of MNIST the default takes about 5 minutes of CPU time.
"""

    run: Path | None = option(
        None,
        "a finished --conditional run to take images from, which may have seen more labels "
        "(default: train a VAE on the same few images)",
        positional=True,
    )
    dataset: str = option("mnist5k", "what to classify", choices=("mnist5k", *LENET_DATASETS))
    data_dir: Path | None = option(None, PLACE)
    per_class: tuple[int, ...] = option(
        (10, 50, 200), "real training images of each class", at_least=2
    )
    generated: int = option(200, "generated images of each class", at_least=1)
    seeds: int = option(5, "repetitions, each with other images and weights", at_least=2)
    steps: int = option(1_000, "training steps of each classifier", at_least=1)
    vae_steps: int = option(1_500, "training steps of each VAE", at_least=1)
    json: Path | None = option(None, "write all figures to this file, too")

    def check(self):
        if self.run:
            self.check_unused("vae_steps", on="a run that is trained already")


@dataclass
class LeNetConfig(Config):
    """The options of `evaluation.train_lenet`, which made the feature extractors."""

    command: ClassVar[str] = "train_lenet"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_lenet --dataset mnist --out lenet.npz
  python -m genai_keras.train_lenet --dataset fashion_mnist --data-dir my_data

On half of one CPU core it took 6 minutes for MNIST and 9 for Fashion-MNIST.
"""

    dataset: str = option("mnist", "what to classify", choices=LENET_DATASETS)
    data_dir: Path | None = option(None, PLACE)
    out: Path = option(Path("lenet.npz"), "the file for its weights")
    epochs: int = option(20, "passes over the training data", at_least=1)
    seed: int = option(0, "same seed, same weights", at_least=0, at_most=2**32 - 2)
    verbose: int = option(2, "0 silent, 1 progress bar, 2 one line per epoch", choices=(0, 1, 2))


@dataclass
class CheckConfig(Config):
    """The options of `check`."""

    command: ClassVar[str] = "check"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.check chapter4
  python -m genai_keras.check chapter4 my_answers.py

It runs the code in the file, then tries each function on inputs of its own. Some seconds, most of
them to load TensorFlow.
"""

    chapter: str = option(None, "chapter1 to chapter7", choices=CHAPTERS, positional=True)
    answers: Path | None = option(
        None,
        "a notebook (.ipynb) or module (.py) (default: CHAPTER.ipynb, here or in "
        "notebooks/exercises)",
        positional=True,
    )
    seed: int = option(0, "of the inputs", at_least=0, at_most=2**32 - 2)
