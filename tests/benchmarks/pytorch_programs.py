"""What `benchmark_steps.py` compares us with: the same trainings as one writes them in PyTorch.

Networks, batches, losses, optimizers and averaging are those of our commands. Each program is a
function of the batches (and of our initial weights, for Transformers) that returns a `Program`.
"""

import math
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


# Images


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
        nn.Linear(64 * 7 * 7, 1),
    )
    return gan(generator, discriminator, 64, batches)


def mlp_gan(batches, weights=None):
    widths = [100, 256, 512, 1024]
    hidden = [
        layer
        for before, after in zip(widths, widths[1:], strict=False)
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


def gan(generator, discriminator, latent_dim, batches):
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
        real_logits, fake_logits = discriminator(real), discriminator(fake)
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


# Transformers: layers in the order of our weights, which `take_weights` copies


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x, source=None, mask=None, causal=False):
        width = x.shape[-1]
        if source is None:
            projected = self.project(x).split(width, dim=-1)
        else:
            (of_query, of_source), (query_bias, source_bias) = (
                each.split([width, 2 * width]) for each in self.project.parameters()
            )
            keys_and_values = F.linear(source, of_source, source_bias).split(width, dim=-1)
            projected = F.linear(x, of_query, query_bias), *keys_and_values
        query, key, value = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in projected
        )
        heads = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
        return self.output(heads.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width, heads, causal, cross=False):
        super().__init__()
        self.causal = causal
        self.attention = Attention(width, heads)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 4 * width)
        self.cross_attention = Attention(width, heads) if cross else None
        self.cross_norm = nn.LayerNorm(width) if cross else None
        self.last = nn.Linear(4 * width, width)

    def forward(self, x, mask=None, memory=None):
        own_mask = None if self.causal else mask
        x = x + self.attention(self.attention_norm(x), mask=own_mask, causal=self.causal)
        if self.cross_attention:
            x = x + self.cross_attention(self.cross_norm(x), memory, mask)
        return x + self.last(F.gelu(self.hidden(self.feed_forward_norm(x))))


class Stack(nn.Module):
    def __init__(self, rows, length, layers, learned, width=128, heads=4, **block):
        super().__init__()
        self.embedding = nn.Embedding(rows, width)
        self.positions = nn.Embedding(length, width) if learned else None
        if not learned:
            angles = torch.arange(length)[:, None] * 10_000.0 ** (
                -torch.arange(0, width, 2) / width
            )
            waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
            self.register_buffer("waves", waves)
        self.blocks = nn.ModuleList(Block(width, heads, **block) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens, mask=None, memory=None):
        x, length = self.embedding(tokens), tokens.shape[1]
        if self.positions:
            x = x + self.positions.weight[:length]
        else:
            x = x * math.sqrt(x.shape[-1]) + self.waves[:length]
        for block in self.blocks:
            x = block(x, mask, memory)
        return self.norm(x)

    def logits(self, states):
        return F.linear(states, self.embedding.weight)


def take_weights(network, weights):
    """Copies ours, whose matrices are transposed but for the tables of vectors."""
    with torch.no_grad():
        for (name, parameter), ours in zip(network.named_parameters(), weights, strict=True):
            is_table = "embedding" in name or "positions" in name
            ours = torch.from_numpy(ours)
            parameter.copy_(ours if is_table or ours.ndim < 2 else ours.T)


def language_model(batches, weights):
    model = decoder(*weights)
    samples = [torch.from_numpy(batches[0]).flatten(0, 1).long()]

    def loss(tokens):
        logits = model.logits(model(tokens[:, :-1]))
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    return transformer([model], loss, samples, batches[0].shape[1])


def decoder(weights):
    (vocabulary, _), (length, _) = weights[0].shape, weights[1].shape
    model = Stack(vocabulary, length, 4, learned=True, causal=True)
    take_weights(model, weights)
    return model


def seq2seq(batches, weights):
    samples = [torch.from_numpy(each).flatten(0, 1).long() for each in batches]
    encoder, writer = (
        Stack(len(of_one[0]), each.shape[1], 2, learned=False, causal=cross, cross=cross)
        for of_one, each, cross in zip(weights, samples, (False, True), strict=True)
    )
    for network, of_one in zip((encoder, writer), weights, strict=True):
        take_weights(network, of_one)
    vocabulary = len(weights[1][0]) - 1  # the last row is the token that begins a target

    def loss(source, target):
        mask = (source != 0)[:, None, None]
        start = torch.full_like(target[:, :1], vocabulary)
        states = writer(torch.cat([start, target[:, :-1]], dim=1), mask, encoder(source, mask))
        logits = F.linear(states, writer.embedding.weight[:vocabulary])
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=0)

    return transformer([encoder, writer], loss, samples, batches[0].shape[1])


def transformer(networks, loss_of, samples, batch_size):
    """AdamW as in nanoGPT: only matrices decay, the rate warms up, the gradient is clipped."""
    parameters = [p for network in networks for p in network.parameters()]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ],
        3e-3,
        (0.9, 0.99),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100))
    drawn = random_batches(samples, batch_size)

    def step():
        loss = loss_of(*next(drawn))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        return loss.item()

    with torch.no_grad():
        first_loss = loss_of(*(each[:batch_size] for each in samples)).item()
    return Program(step, count(*networks), first_loss)


def writing(batches, weights, texts=32, temperature=0.8):
    """A step adds a token to each text: it reads the whole context again, without a cache."""
    model = decoder(*weights)
    length, tokens = len(weights[0][1]), None

    def begin():
        nonlocal tokens
        tokens = torch.zeros(texts, 1, dtype=torch.long)

    @torch.no_grad()
    def step():
        nonlocal tokens
        logits = model.logits(model(tokens[:, -length:])[:, -1])
        chosen = torch.multinomial(F.softmax(logits / temperature, dim=-1), 1)
        tokens = torch.cat([tokens, chosen], dim=1)

    return Program(step, count(model), begin=begin)
