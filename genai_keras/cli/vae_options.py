"""The options of `train_vae`."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.image_options import ImageConfig
from genai_keras.cli.options import DATA, NETWORK, OPTIMIZATION, SHOWING, option
from genai_keras.data.datasets import DATASETS
from genai_keras.errors import UsageError


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
