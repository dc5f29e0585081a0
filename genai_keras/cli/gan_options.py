"""The options of `train_gan`."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.image_options import IMAGE_DATASETS, ImageConfig
from genai_keras.cli.options import NETWORK, OPTIMIZATION, option

DENSE = {"network": "dense", "instance_noise": 0.0}


@dataclass
class GANConfig(ImageConfig):
    """The options of `train_gan`. The defaults are the preset `dcgan`."""

    command: ClassVar[str] = "train_gan"
    for_numbers: ClassVar[str] = "dense-1d"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_gan
  python -m genai_keras.train_gan --dataset folder --data-dir my_images

The default learns 4,500 handwritten digits in two minutes on two CPU cores.
"""
    presets: ClassVar[dict[str, dict]] = {
        "dcgan": {},
        "dcgan64": {
            "dataset": "photos",
            "epochs": 10,
            "latent_dim": 100,
            "generator_widths": (256, 128, 64),
            "discriminator_widths": (64, 128, 256),
            "dense_units": 0,
            "instance_noise": 0.0,
        },
        "mlp": {
            **DENSE,
            "epochs": 40,
            "latent_dim": 100,
            "generator_widths": (256, 512, 1024),
            "discriminator_widths": (512, 256),
        },
        "dense": {
            **DENSE,
            "epochs": 60,
            "latent_dim": 100,
            "generator_widths": (256,),
            "discriminator_widths": (256,),
        },
        "dense-1d": {
            **DENSE,
            "dataset": "mixture",
            "batch_size": 512,
            "schedule": "cosine",
            "epochs": 30,
            "latent_dim": 100,
            "generator_widths": (128, 64),
            "discriminator_widths": (128, 64),
        },
    }

    preset: str = option("dcgan", "named set of defaults, listed below")
    epochs: int = option(50, "number of passes over the training data", at_least=1)
    dataset: str = option("mnist5k", "data to learn from", choices=(*IMAGE_DATASETS, "mixture"))
    network: str = option(
        "dcgan", "kind of layers in both networks", NETWORK, choices=("dcgan", "dense")
    )
    latent_dim: int = option(64, "length of the noise vector z", NETWORK, at_least=1)
    generator_widths: tuple[int, ...] = option(
        (64, 32), "channels or units of the generator's hidden layers", NETWORK, at_least=1
    )
    discriminator_widths: tuple[int, ...] = option(
        (32, 64), "channels or units of the discriminator's hidden layers", NETWORK, at_least=1
    )
    generator_kernel: int = option(4, "side of the generator's kernels", NETWORK, at_least=2)
    discriminator_kernel: int = option(
        5, "side of the discriminator's kernels", NETWORK, at_least=2
    )
    dense_units: int = option(256, "units of the discriminator's dense layer", NETWORK, at_least=0)
    discriminator_learning_rate: float | None = option(
        None, "learning rate of the discriminator (default: --learning-rate)", OPTIMIZATION, above=0
    )
    beta_1: float = option(
        0.5, "decay rate of Adam's first moment", OPTIMIZATION, at_least=0, below=1
    )
    label_smoothing: float = option(
        0.0, "target of real samples: 1 minus this", OPTIMIZATION, at_least=0, at_most=0.5
    )
    ema: float = option(
        0.999, "decay rate of the averaged generator weights; 0 for none", OPTIMIZATION,
        at_least=0, below=1,
    )  # fmt: skip
    instance_noise: float = option(
        0.4, "noise on the discriminator's inputs", OPTIMIZATION, at_least=0
    )

    def networks(self):
        """The arguments of `build_gan_networks` that are options."""
        return self.named(
            "network", "latent_dim", "generator_widths", "discriminator_widths",
            "generator_kernel", "discriminator_kernel", "dense_units",
        )  # fmt: skip
