"""The options of the commands that learn images."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.options import TrainConfig, option
from genai_keras.data.datasets import DATASETS, names_of
from genai_keras.errors import UsageError

IMAGE_DATASETS = names_of("images")


@dataclass
class ImageConfig(TrainConfig):
    """The options of a command that learns from images."""

    dataset: str = option("mnist5k", "what to learn from", choices=IMAGE_DATASETS)
    image_size: int | None = option(
        None, "side in pixels to resize images to (folder and photos: 64)", at_least=4
    )
    channels: int | None = option(
        None, "1 grey, 3 colour (folder: colour if any image is)", choices=(1, 3)
    )

    conditional: bool = option(
        False, "learn images given their label, so that generate --label can ask for one"
    )

    binarizes: ClassVar[bool] = False  # whether pixels are drawn black or white

    def task(self):
        from genai_keras.tasks.images import Images

        return Images(self)

    def named(self, *names):
        """Options by name."""
        return {name: getattr(self, name) for name in names}


@dataclass
class GANConfig(ImageConfig):
    """The options of `train_gan`. The defaults are the preset `dcgan`."""

    command: ClassVar[str] = "train_gan"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_gan
  python -m genai_keras.train_gan --dataset folder --data-dir my_images --image-size 32

The default learns 4,500 real handwritten digits in about 2 minutes on two CPU cores.
"""
    presets: ClassVar[dict[str, dict]] = {
        "dcgan": {},
        "dcgan64": {
            "dataset": "photos",
            "epochs": 10,
            "latent_dim": 100,
            "generator_widths": (256, 128, 64),
            "discriminator_widths": (64, 128, 256),
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

    preset: str = option("dcgan", "a named set of defaults; a flag that is typed wins over it")
    epochs: int = option(80, "passes over the training data", at_least=1)
    dataset: str = option("mnist5k", "what to learn from", choices=(*IMAGE_DATASETS, "mixture"))
    network: str = option(
        "dcgan", "the kind of layers of both networks", choices=("dcgan", "dense")
    )
    latent_dim: int = option(64, "length of the noise vector z", at_least=1)
    generator_widths: tuple[int, ...] = option(
        (64, 32), "channels (dcgan) or units (dense) of each hidden layer", at_least=1
    )
    discriminator_widths: tuple[int, ...] = option(
        (32, 64), "channels (dcgan) or units (dense) of each hidden layer", at_least=1
    )
    generator_kernel: int = option(4, "side of the generator's convolution kernels", at_least=2)
    discriminator_kernel: int = option(
        5, "side of the discriminator's convolution kernels", at_least=2
    )
    discriminator_learning_rate: float | None = option(
        None, "Adam's learning rate for the discriminator (default: --learning-rate)", above=0
    )
    beta_1: float = option(0.5, "Adam's momentum", at_least=0, below=1)
    label_smoothing: float = option(
        0.0, "one-sided: real samples' target is 1 minus this", at_least=0, at_most=0.5
    )
    ema: float = option(
        0.999, "decay of the generator's averaged weights; 0 is no averaging", at_least=0, below=1
    )

    def check(self):
        if DATASETS[self.dataset].kind == "images":
            return
        self.check_unused("conditional", "data_dir", "image_size", "channels")
        if self.network == "dcgan":
            raise UsageError(
                f"a dcgan makes images, and {self.dataset} has none: use `preset=dense-1d`"
            )

    def task(self):
        from genai_keras.tasks.densities import Densities

        return super().task() if DATASETS[self.dataset].kind == "images" else Densities(self)

    def networks(self):
        """The arguments of `build_gan_networks` that are options."""
        return self.named(
            "network", "latent_dim", "generator_widths", "discriminator_widths",
            "generator_kernel", "discriminator_kernel",
        )  # fmt: skip


@dataclass
class VAEConfig(ImageConfig):
    """The options of `train_vae`. The defaults are the preset `conv`."""

    command: ClassVar[str] = "train_vae"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_vae --latent-dim 2
  python -m genai_keras.train_vae --preset wide --dataset mnist --evaluate 2000

The default learns 4,500 real handwritten digits in about 1.5 minutes on two CPU cores.
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

    preset: str = option("conv", "a named set of defaults; a flag that is typed wins over it")
    epochs: int = option(40, "passes over the training data", at_least=1)
    batch_size: int = option(128, "samples per training step", at_least=1)
    schedule: str = option(
        "cosine",
        "how the learning rate changes: cosine lowers it to 0 over --epochs",
        choices=("constant", "cosine"),
    )
    network: str = option("conv", "the kind of layers of both networks", choices=("conv", "dense"))
    latent_dim: int = option(16, "length of the code z", at_least=1)
    widths: tuple[int, ...] = option(
        (32, 64),
        "channels (conv) or units (dense) of the encoder; the decoder mirrors it",
        at_least=1,
    )
    dense_units: int = option(256, "units between convolutions and z", at_least=1)
    kernel_size: int = option(4, "side of the convolutions' kernels", at_least=2)
    activation: str = option(
        "elu", "of the hidden layers", choices=("elu", "gelu", "relu", "silu", "tanh")
    )
    binarize: bool | None = option(
        None,
        "draw each pixel black or white, anew at every step, and learn a likelihood of binary "
        "pixels (default: for mnist and mnist5k), or of all 256 values",
    )
    beta: float = option(1.0, "weight of the KL divergence", at_least=0)
    warmup_epochs: float = option(0.0, "epochs in which that weight rises from 0", at_least=0)
    free_bits: float = option(0.0, "nats that each latent may use before its KL counts", at_least=0)
    importance_samples: int = option(
        1, "k > 1 trains the importance-weighted bound (IWAE)", at_least=1
    )
    evaluate: int = option(
        0, "estimate log p(x) of so many validation samples in the end", at_least=0
    )
    evaluation_samples: int = option(200, "draws of z for each of them", at_least=1)

    @property
    def binarizes(self):
        """Whether pixels are drawn black or white."""
        return DATASETS[self.dataset].binarizes if self.binarize is None else self.binarize

    @property
    def likelihood(self):
        """What the decoder's outputs say of pixels: a name in `LIKELIHOODS`."""
        return "bernoulli" if self.binarizes else "logistic"

    def check(self):
        weighs_kl = self.beta != 1.0 or self.warmup_epochs or self.free_bits
        if self.importance_samples > 1 and weighs_kl:
            raise UsageError(
                "`beta`, `warmup_epochs` and `free_bits` weigh a KL term, which the bound of "
                "`importance_samples` does not have: leave one or the other out"
            )

    def networks(self):
        """The arguments of `build_vae_networks` that are options."""
        return self.named(
            "network", "latent_dim", "widths", "dense_units", "kernel_size", "activation"
        )
