"""The optimizer of the Transformers, and the learning rates of every command."""

import math

import pytest

from genai_keras.cli.parsing import parse_config
from genai_keras.cli.text_options import LanguageModelConfig
from genai_keras.cli.vae_options import VAEConfig
from genai_keras.training.optimizers import adamw, learning_rate


def rates(schedule, *steps):
    return [float(schedule(step)) for step in steps]


def test_warm_up_then_a_cosine_to_a_20th():
    config = parse_config(LanguageModelConfig, ["--learning-rate", "0.002"])
    optimizer = adamw(config, steps=2_000)
    middle = 0.002 * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * 500 / 1_900)))
    found = rates(optimizer._learning_rate, 0, 50, 100, 600, 2_000)
    assert found == pytest.approx([0.0, 0.001, 0.002, middle, 0.0001], rel=1e-5)
    assert (optimizer.beta_2, optimizer.weight_decay) == (0.99, 0.1)
    assert optimizer.global_clipnorm == 1.0


def test_a_constant_rate_warms_up_alike_however_long_the_run():
    config = parse_config(LanguageModelConfig, ["--schedule", "constant"])
    for steps in (20, 2_000):
        found = rates(learning_rate(config, 0.003, steps, 100, 0.05), 0, 10, 100, 101, 5_000)
        assert found == pytest.approx([0.0, 0.0003, 0.003, 0.003, 0.003], rel=1e-5)
    assert learning_rate(config, 0.003, 2_000) == 0.003


def test_a_cosine_without_warm_up_falls_to_nothing():
    config = parse_config(VAEConfig, [])
    found = rates(learning_rate(config, 0.01, 100), 0, 50, 100)
    assert found == pytest.approx([0.01, 0.005, 0.0], abs=1e-8)
    # A run shorter than its warm-up has a rate all the same.
    assert rates(learning_rate(config, 0.01, 10, 100), 9) == pytest.approx([0.01])
