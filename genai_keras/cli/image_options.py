"""The options of the commands that learn images."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from genai_keras.cli.options import DATA, NETWORK, OPTIMIZATION, SHOWING, TrainConfig, option
from genai_keras.data.datasets import DATASETS, names_of
from genai_keras.errors import UsageError

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


@dataclass
class GANConfig(ImageConfig):
    """The options of `train_gan`. The defaults are the preset `dcgan`."""

    command: ClassVar[str] = "train_gan"
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
        },
        "mlp": {
            "network": "dense",
            "epochs": 40,
            "latent_dim": 100,
            "generator_widths": (256, 512, 1024),
            "discriminator_widths": (512, 256),
        },
        "dense": {
            "network": "dense",
            "epochs": 60,
            "latent_dim": 100,
            "generator_widths": (256,),
            "discriminator_widths": (256,),
        },
        "dense-1d": {
            "network": "dense",
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
        0.5, "decay rate of Adam's first moment (momentum)", OPTIMIZATION, at_least=0, below=1
    )
    label_smoothing: float = option(
        0.0, "one-sided label smoothing: real samples have target 1 minus this", OPTIMIZATION,
        at_least=0, at_most=0.5,
    )  # fmt: skip
    ema: float = option(
        0.999, "decay rate of the averaged generator weights; 0 for none", OPTIMIZATION,
        at_least=0, below=1,
    )  # fmt: skip

    def check(self):
        super().check()
        if DATASETS[self.dataset].kind == "images":
            return
        self.check_unused("conditional", "data_dir", "image_size", "channels")
        if self.network == "dcgan":
            raise UsageError(
                f"a dcgan generates images, but {self.dataset} has none: use `preset=dense-1d`"
            )

    def task(self):
        from genai_keras.tasks.densities import Densities

        return super().task() if DATASETS[self.dataset].kind == "images" else Densities(self)

    def networks(self):
        """The arguments of `build_gan_networks` that are options."""
        return self.named(
            "network", "latent_dim", "generator_widths", "discriminator_widths",
            "generator_kernel", "discriminator_kernel", "dense_units",
        )  # fmt: skip


@dataclass
class VAEConfig(ImageConfig):
    """The options of `train_vae`. The defaults are the preset `conv`."""

    command: ClassVar[str] = "train_vae"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_vae --latent-dim 2
  python -m genai_keras.train_vae --preset wide --dataset mnist --evaluate 2000

The default learns 4,500 real digits in about 1.5 minutes on two CPU cores.
"""
    presets: ClassVar[dict[str, dict]] = {
        "conv": {},
        "mlp": {"network": "dense", "widths": (256, 128), "latent_dim": 32},
        "dense": {"network": "dense", "widths": (16,), "latent_dim": 32},
        "wide": {
            "network": "dense",
            "widths": (512, 512),
            "latent_dim": 50,
            "learning_rate": 2e-3,
            "binarize": True,
            "epochs": 60,
        },
        "paper": {
            "network": "dense",
            "widths": (200, 200),
            "latent_dim": 50,
            "activation": "tanh",
            "binarize": True,
        },
    }

    preset: str = option("conv", "named set of defaults, listed below")
    epochs: int = option(40, "number of passes over the training data", at_least=1)
    batch_size: int = option(128, "number of samples per training step", at_least=1)
    schedule: str = option(
        "cosine",
        "learning rate schedule; cosine falls to 0 over --epochs",
        choices=("constant", "cosine"),
    )
    network: str = option(
        "conv", "kind of layers in both networks", NETWORK, choices=("conv", "dense")
    )
    latent_dim: int = option(16, "length of the latent vector z", NETWORK, at_least=1)
    widths: tuple[int, ...] = option(
        (32, 64), "channels or units of the encoder, mirrored by the decoder", NETWORK, at_least=1
    )
    dense_units: int = option(256, "units of the dense layer next to z (conv)", NETWORK, at_least=1)
    kernel_size: int = option(4, "side of the convolution kernels (conv)", NETWORK, at_least=2)
    activation: str = option(
        "elu", "activation of the hidden layers", NETWORK,
        choices=("elu", "gelu", "relu", "silu", "tanh"),
    )  # fmt: skip
    binarize: bool | None = option(
        None,
        "sample each pixel as black or white at every step, and learn a Bernoulli likelihood "
        "instead of one over 256 values (default: only for mnist and mnist5k)",
        DATA,
    )
    beta: float = option(1.0, "weight of the KL divergence", OPTIMIZATION, at_least=0)
    warmup_epochs: float = option(
        0.0, "epochs in which --beta rises from 0", OPTIMIZATION, at_least=0
    )
    free_bits: float = option(
        0.0, "nats of KL per latent dimension that are not penalized", OPTIMIZATION, at_least=0
    )
    importance_samples: int = option(
        1, "samples of z per image; more than 1 trains the IWAE bound", OPTIMIZATION, at_least=1
    )
    evaluate: int = option(0, "validation images to estimate log p(x) of", SHOWING, at_least=0)
    evaluation_samples: int = option(
        200, "samples of z per image for --evaluate", SHOWING, at_least=1
    )

    @property
    def binarizes(self):
        """Whether each pixel is sampled as black or white."""
        return DATASETS[self.dataset].binarizes if self.binarize is None else self.binarize

    @property
    def likelihood(self):
        """The name in `LIKELIHOODS` of the distribution that the decoder outputs."""
        return "bernoulli" if self.binarizes else "logistic"

    def check(self):
        super().check()
        weighs_kl = self.beta != 1.0 or self.warmup_epochs or self.free_bits
        if self.importance_samples > 1 and weighs_kl:
            raise UsageError(
                "`beta`, `warmup_epochs` and `free_bits` weight the KL term, but the bound with "
                "`importance_samples` has none: use one or the other"
            )

    def networks(self):
        """The arguments of `build_vae_networks` that are options."""
        return self.named(
            "network", "latent_dim", "widths", "dense_units", "kernel_size", "activation"
        )
