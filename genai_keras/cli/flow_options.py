"""The options of `train_flow`."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.image_options import IMAGE_DATASETS, ImageConfig
from genai_keras.cli.options import DATA, FLOW, NETWORK, OPTIMIZATION, option


@dataclass
class FlowConfig(ImageConfig):
    """The options of `train_flow`. The defaults are the preset `digits`."""

    command: ClassVar[str] = "train_flow"
    for_numbers: ClassVar[str] = "line"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_flow
  python -m genai_keras.train_flow --conditional --guidance 2

The default learns 4,500 handwritten digits in 5.5 minutes on two CPU cores.
"""
    presets: ClassVar[dict[str, dict]] = {
        "digits": {},
        "line": {
            "network": "dense",
            "dataset": "mixture",
            "batch_size": 512,
            "epochs": 20,
            "widths": (64, 64, 64),
            "steps": 20,
        },
    }

    preset: str = option("digits", "named set of defaults, listed below")
    epochs: int = option(40, "number of passes over the training data", at_least=1)
    dataset: str = option("mnist5k", "data to learn from", choices=(*IMAGE_DATASETS, "mixture"))
    learning_rate: float = option(2e-3, "learning rate of Adam", OPTIMIZATION, above=0)
    schedule: str = option(
        "cosine",
        "learning rate schedule; cosine falls to 0 over --epochs",
        choices=("constant", "cosine"),
    )
    network: str = option(
        "unet", "kind of layers in the network", NETWORK, choices=("unet", "dense")
    )
    widths: tuple[int, ...] = option(
        (16, 48), "channels of each stage, or units of each dense layer", NETWORK, at_least=1
    )
    dense_units: int = option(
        256, "units of the dense layers in the middle (unet)", NETWORK, at_least=1
    )
    time_width: int = option(
        128, "length of the vector of time and label; even", NETWORK, at_least=2
    )
    warmup_steps: int = option(
        100, "steps in which the learning rate rises from 0", OPTIMIZATION, at_least=0
    )
    binarize: bool = option(False, "sample each pixel as black or white at every step", DATA)
    ema: float = option(
        0.999, "decay rate of the averaged weights; 0 for none", OPTIMIZATION, at_least=0, below=1
    )
    label_dropout: float = option(
        0.1, "fraction of labels that are hidden in training", OPTIMIZATION, at_least=0, at_most=1
    )
    steps: int = option(10, "steps from noise to a sample", FLOW, at_least=1)
    solver: str = option(
        "heun", "how a step is computed; heun takes two velocities, euler one", FLOW,
        choices=("heun", "euler"),
    )  # fmt: skip
    guidance: float = option(
        1.0, "weight of the label in samples; 1 is the model itself", FLOW, at_least=0
    )

    @property
    def binarizes(self):
        """Whether each pixel is sampled as black or white."""
        return self.binarize

    @property
    def levels(self):
        """The number of values of a pixel; None for numbers."""
        if self.learns_numbers:
            return None
        return 2 if self.binarize else 256

    def check(self):
        super().check()
        if self.learns_numbers:
            self.check_unused("binarize")
        if not self.conditional:
            self.check_unused("label_dropout", "guidance", on="a run that is not `conditional`")

    def networks(self):
        """The arguments of `build_flow_network` that are options."""
        return self.named("network", "widths", "dense_units", "time_width")
