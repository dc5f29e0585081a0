"""PyTorch's side of `benchmark_steps.py`: Transformers as one writes them in PyTorch.

Networks, batches, losses and optimizers are those of our commands. Each program is a function of
our batches and initial weights that returns a `Program`.
"""

import math

import torch
import torch.nn.functional as F
from pytorch_images import Program, count, random_batches
from torch import nn

# Layers are in the order of our weights, which `take_weights` copies.


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
