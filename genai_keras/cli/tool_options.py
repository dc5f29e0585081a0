"""The options of the commands that do not train a generative model."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from genai_keras.cli.options import FLOW, IMAGES, TEXT, Config, option
from genai_keras.errors import UsageError

CHAPTERS = tuple(f"chapter{number}" for number in range(1, 9))  # the notebooks with exercises
LENET_DATASETS = ("mnist", "fashion_mnist")  # that come with a trained LeNet
RUN = "folder of a finished run"
DATA_DIR = "folder of the run's data, if it has moved"
PLACE = "folder to search for the data first"
FIGURES = "file to write all figures to, as JSON"


@dataclass
class EvaluateConfig(Config):
    """The options of `evaluate`."""

    command: ClassVar[str] = "evaluate"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.evaluate runs/mine
  python -m genai_keras.evaluate --compare runs/gan runs/vae --image both.png

A GAN trained on all of MNIST takes about half a minute on one CPU core.
"""

    run: Path | None = option(None, RUN, positional=True)
    compare: tuple[Path, ...] = option(
        (), "two or more runs to compare in one table, with samples side by side"
    )
    image: Path = option(Path("comparison.png"), "image file for the samples of --compare")
    data_dir: Path | None = option(None, DATA_DIR)
    json: Path | None = option(None, FIGURES)
    samples: int = option(
        10_000, "largest number of generated images, compared with as many real ones", at_least=100
    )
    likelihoods: int = option(
        1_000, "largest number of validation images whose likelihood is estimated", at_least=2
    )
    importance_samples: int = option(
        100, "samples of z per image for the likelihood; a multiple of 100", at_least=100
    )
    inception: Path | None = option(
        None, "weights of Keras' InceptionV3 (.h5), for the Frechet Inception Distance, too"
    )
    seed: int = option(0, "seed of the samples and of the bootstrap", at_least=0, at_most=2**32 - 2)

    @property
    def folders(self):
        """The folders of all runs to measure."""
        return self.compare or (self.run,)

    def check(self):
        if bool(self.run) == bool(self.compare):
            raise UsageError("give the folder of one run, or of two or more after `compare`")
        if self.importance_samples % 100:
            raise UsageError("`importance_samples` must be a multiple of 100")
        if len({each.resolve() for each in self.folders}) < max(len(self.compare), 1) or (
            len(self.compare) == 1
        ):
            raise UsageError("`compare` needs two or more different runs")
        if not self.compare:
            self.check_unused("image", on="a single run")
        if self.image.suffix not in (".png", ".jpg"):
            raise UsageError(f"`image={self.image}`: give a .png or .jpg file")


@dataclass
class GenerateConfig(Config):
    """The options of `generate`."""

    command: ClassVar[str] = "generate"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.generate runs/mine --count 100 --out digits.png
  python -m genai_keras.generate runs/shakespeare --prompt "ROMEO:"

64 images take a few seconds on two CPU cores, most of it to load TensorFlow.
"""

    run: Path = option(None, RUN, positional=True)
    count: int | None = option(
        None, "number of samples (default: 64 images, 1 text, 1000 numbers)", at_least=1
    )
    seed: int = option(
        0, "seed; the same seed gives the same samples", at_least=0, at_most=2**32 - 2
    )
    out: Path | None = option(
        None, ".png, .npy or .txt file to write (default: RUN/generated.png; text is printed)"
    )
    label: tuple[str, ...] = option(
        (), "names or numbers of classes to generate in turn (conditional; default: all)", IMAGES
    )
    interpolate: bool = option(False, "show walks from one image to another, one per row", IMAGES)
    complete: bool = option(False, "complete upper halves of validation digits (pixels)", IMAGES)
    data_dir: Path | None = option(None, f"{DATA_DIR} (for --complete)", IMAGES)
    steps: int | None = option(
        None, "steps from noise to an image (flow; default: that of the run)", FLOW, at_least=1
    )
    solver: str | None = option(
        None,
        "how a step is computed (flow; default: that of the run)",
        FLOW,
        choices=("heun", "euler"),
    )
    guidance: float | None = option(
        None, "weight of the label (conditional flow; default: that of the run)", FLOW, at_least=0
    )
    prompt: str | None = option(None, "text to continue (text) or to translate (pairs)", TEXT)
    length: int | None = option(
        None, "number of tokens to add (default: --sample-length of the run)", TEXT, at_least=1
    )
    temperature: float | None = option(
        None,
        "sampling temperature; 0 takes the most likely token (default: that of the run)",
        TEXT,
        at_least=0,
    )
    top_k: int | None = option(None, "sample among the k most likely tokens only", TEXT, at_least=1)
    top_p: float | None = option(
        None,
        "sample among the most likely tokens with this total probability",
        TEXT,
        above=0,
        at_most=1,
    )

    def check_only(self, names, on):
        """Raises a `UsageError` if an option of samples is set that is not among the names."""
        of_samples = {
            "count", "label", "interpolate", "complete", "data_dir", "steps", "solver", "guidance",
            "prompt", "length", "temperature", "top_k", "top_p",
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

It takes a few seconds, most of it to load TensorFlow.
"""

    run: Path = option(None, RUN, positional=True)
    out: Path | None = option(None, "new folder to write to (default: RUN/export)")


@dataclass
class AugmentConfig(Config):
    """The options of `augment`."""

    command: ClassVar[str] = "augment"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.augment --dataset mnist --data-dir my_data
  python -m genai_keras.augment runs/conditional --per-class 10 --seeds 3

With all of MNIST, the default takes about 5 minutes of CPU time.
"""

    run: Path | None = option(
        None,
        "folder of a finished --conditional run that generates the images; it may have seen "
        "more labels (default: train a VAE on the same few images)",
        positional=True,
    )
    dataset: str = option("mnist5k", "images to classify", choices=("mnist5k", *LENET_DATASETS))
    data_dir: Path | None = option(None, PLACE)
    per_class: tuple[int, ...] = option(
        (10, 50, 200), "numbers of real training images per class", at_least=2
    )
    generated: int = option(200, "number of generated images per class", at_least=1)
    seeds: int = option(5, "number of repetitions, each with other images and weights", at_least=2)
    steps: int = option(1_000, "number of training steps of each classifier", at_least=1)
    vae_steps: int = option(1_500, "number of training steps of each VAE", at_least=1)
    json: Path | None = option(None, FIGURES)

    def check(self):
        if self.run:
            self.check_unused("vae_steps", on="a run that is already trained")


@dataclass
class LeNetConfig(Config):
    """The options of `train_lenet`, which made the feature extractors."""

    command: ClassVar[str] = "train_lenet"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_lenet --dataset mnist --out lenet.npz
  python -m genai_keras.train_lenet --dataset fashion_mnist --data-dir my_data
  python -m genai_keras.train_lenet --detector --out detector.npz

On half of one CPU core, MNIST takes 6 minutes and Fashion-MNIST 9; a detector
takes 4.
"""

    dataset: str = option("mnist", "images to classify", choices=LENET_DATASETS)
    data_dir: Path | None = option(None, PLACE)
    detector: bool = option(False, "learn to tell these images from others, not their classes")
    out: Path = option(Path("lenet.npz"), "file for the weights")
    epochs: int | None = option(
        None, "passes over the training data (default: 20, or 6 with --detector)", at_least=1
    )
    seed: int = option(
        0, "seed; the same seed gives the same weights", at_least=0, at_most=2**32 - 2
    )
    verbose: int = option(
        2, "amount of output: 0 none, 1 progress bar, 2 lines per epoch", choices=(0, 1, 2)
    )


@dataclass
class CheckConfig(Config):
    """The options of `check`."""

    command: ClassVar[str] = "check"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.check chapter4
  python -m genai_keras.check chapter4 my_answers.py

The command runs the code in the file, then tries each function on inputs of its
own. It takes a few seconds, most of it to load TensorFlow.
"""

    chapter: str = option(
        None, f"one of {CHAPTERS[0]} to {CHAPTERS[-1]}", choices=CHAPTERS, positional=True
    )
    answers: Path | None = option(
        None,
        "notebook (.ipynb) or module (.py) with the answers (default: CHAPTER.ipynb, here or "
        "in notebooks/exercises)",
        positional=True,
    )
    seed: int = option(0, "seed of the inputs", at_least=0, at_most=2**32 - 2)
