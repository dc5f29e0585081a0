"""PyTorch's side of `benchmark_steps.py`: GANs and VAEs as one writes them in PyTorch.

Networks, batches, losses and optimizers are those of our commands. Each program is a function of
our batches and initial weights that returns a `Program`.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


@dataclass
class Program:
    """A step to call again and again, the number of parameters, and the loss before training."""

    step: Callable
    parameters: int
    first_loss: float | None = None
    begin: Callable = lambda: None  # before each round


def count(*networks):
    return sum(p.numel() for network in networks for p in network.parameters())


def random_batches(samples, batch_size):
    """Batches of samples drawn at random; `samples` are tensors of equal length."""
    while True:
        indices = torch.randint(len(samples[0]), (batch_size,))
        yield [each[indices] for each in samples]


def images(batches):
    """Our `(steps, batch, height, width, 1)` as PyTorch's `(n, 1, height, width)`."""
    pixels = torch.from_numpy(batches[0])
    return [pixels.flatten(0, 1).permute(0, 3, 1, 2).contiguous()], pixels.shape[1]


def dcgan(batches, weights=None):
    generator = nn.Sequential(
        nn.Linear(64, 64 * 7 * 7, bias=False),
        nn.Unflatten(1, (64, 7, 7)),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 32, 5, 2, 2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 5, 2, 2, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 256, bias=False),
        nn.BatchNorm1d(256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 1),
    )
    return gan(generator, discriminator, 64, batches, instance_noise=0.4)


def mlp_gan(batches, weights=None):
    widths = [100, 256, 512, 1024]
    hidden = [
        layer
        for before, after in itertools.pairwise(widths)
        for layer in (
            nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.LeakyReLU(0.2),
        )
    ]  # fmt: skip
    generator = nn.Sequential(
        *hidden, nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 512),
        nn.LeakyReLU(0.2),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 1),
    )
    return gan(generator, discriminator, 100, batches)


def gan(generator, discriminator, latent_dim, batches, instance_noise=0.0):
    """One pass of the discriminator for real and one for generated images, as in our step."""
    average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(0.999), use_buffers=True)
    optimizers = [
        torch.optim.Adam(network.parameters(), 1e-3, (0.5, 0.999))
        for network in (discriminator, generator)
    ]
    samples = random_batches(*images(batches))

    def step():
        (real,) = next(samples)
        fake = generator(torch.randn(len(real), latent_dim))
        shown = real, fake
        if instance_noise:
            shown = [each + instance_noise * torch.randn(each.shape) for each in shown]
        real_logits, fake_logits = map(discriminator, shown)
        generator_loss = F.softplus(-fake_logits).mean()
        discriminator_loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        for optimizer in optimizers:
            optimizer.zero_grad()
        generator_loss.backward(inputs=list(generator.parameters()), retain_graph=True)
        discriminator_loss.backward(inputs=list(discriminator.parameters()))
        for optimizer in optimizers:
            optimizer.step()
        average.update_parameters(generator)
        return generator_loss.item(), discriminator_loss.item()

    return Program(step, count(generator, discriminator))


def conv_vae(batches, weights=None):
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.ELU(),
        nn.Conv2d(32, 64, 4, 2, 1), nn.ELU(), nn.Flatten(),
        nn.Linear(64 * 7 * 7, 256), nn.ELU(), nn.Linear(256, 2 * 16),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(16, 256), nn.ELU(),
        nn.Linear(256, 64 * 7 * 7), nn.ELU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ELU(), nn.ConvTranspose2d(32, 1, 4, 2, 1),
    )  # fmt: skip
    return vae(encoder, decoder, batches)


def wide_vae(batches, weights=None):
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ELU(),
        nn.Linear(512, 512), nn.ELU(), nn.Linear(512, 2 * 50),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(50, 512), nn.ELU(), nn.Linear(512, 512), nn.ELU(),
        nn.Linear(512, 784), nn.Unflatten(1, (1, 28, 28)),
    )  # fmt: skip
    return vae(encoder, decoder, batches)


def vae(encoder, decoder, batches):
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
    samples = random_batches(*images(batches))

    def step():
        pixels = torch.bernoulli(next(samples)[0])  # as our batches are binarized
        mean, log_variance = encoder(pixels).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), pixels, reduction="sum")
        kl = 0.5 * (log_variance.exp() + mean.square() - 1.0 - log_variance).sum()
        loss = (reconstruction + kl) / len(pixels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return Program(step, count(encoder, decoder))
