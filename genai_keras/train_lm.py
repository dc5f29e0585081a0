"""Trains a language model: a GPT of characters, byte pairs or pixels."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.text_options import LanguageModelConfig

SHOWN = 24  # tokens, or images, that are drawn after each epoch
VALIDATED = 1_000  # images after each epoch; the whole validation part once, in the end


@command(LanguageModelConfig)
def main(config):
    """Trains a language model: a GPT of characters, byte pairs or pixels."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    from genai_keras.training.run import prepare_run

    prepare_run(config)
    if config.learns_pixels:
        config.check_unused(
            "context_length", "tokenizer", "vocabulary_size", "prompt", "sample_length"
        )
        train_on_pixels(config)
    else:
        config.check_unused("image_size", *(["data_dir"] if config.dataset != "text" else []))
        train_on_text(config)


def train_on_text(config):
    """Reads text and continues a prompt."""
    import math

    from genai_keras.callbacks.attention import AttentionMaps
    from genai_keras.callbacks.doctor import transformer_doctor
    from genai_keras.callbacks.text import TextSample
    from genai_keras.data.text import load_text
    from genai_keras.data.tokenizers import encode_prompt
    from genai_keras.training.run import run_training

    text = load_text(**config.source())
    tokenizer = text.tokenizer
    encode_prompt(config.prompt, tokenizer)  # says now what is wrong with it
    model = build_model(
        config,
        text.train,
        tokenizer.vocabulary_size,
        config.context_length,
        {"bits_per_character": text.tokens_per_character / math.log(2)},
    )
    shown = text.validation.first(1)[:, :SHOWN]
    labels = [tokenizer.name(token) for token in shown[0, :-1]]
    run_training(
        model,
        text.train,
        text.validation,
        config,
        callbacks=[
            TextSample(
                config.run_dir,
                tokenizer,
                config.prompt,
                config.sample_length,
                config.verbose,
                **config.sampling(),
            ),
            AttentionMaps(config.run_dir, shown, labels, labels),
            transformer_doctor(config, tokenizer.vocabulary_size),
        ],
        files={"tokenizer.json": tokenizer.to_json()},
        fingerprint=text.fingerprint,
    )


def train_on_pixels(config):
    """Reads black-and-white images as sequences, writes some and completes some."""
    import dataclasses

    import numpy as np

    from genai_keras.callbacks.doctor import transformer_doctor
    from genai_keras.callbacks.pixels import Completions, PixelGrid
    from genai_keras.data.pixels import load_pixels
    from genai_keras.training.run import run_training

    train, validation = load_pixels(**config.source())
    pixels = config.image_size**2
    model = build_model(config, train, 2, pixels, {"nats_per_image": pixels}, start_token=True)
    run_training(
        model,
        train,
        dataclasses.replace(validation, count=min(validation.count, VALIDATED)),
        config,
        callbacks=[
            PixelGrid(config.run_dir, pixels, **config.sampling()),
            Completions(config.run_dir, validation.first(SHOWN // 2), **config.sampling()),
            transformer_doctor(config, vocabulary_size=2),
        ],
    )
    found = model.log_likelihood(validation.first(validation.count))
    error = found.std() / np.sqrt(len(found))
    print(
        f"log p(x) {found.mean():.2f} +- {error:.2f} nats a picture, exactly, of {len(found)} "
        "validation pictures"
    )


def build_model(config, train, vocabulary_size, context_length, scales, start_token=False):
    """Builds the model that a config asks for, compiled."""
    from genai_keras.models.language_model import LanguageModel
    from genai_keras.networks.transformer import TransformerDecoder
    from genai_keras.training.optimizers import adamw

    decoder = TransformerDecoder(
        vocabulary_size, context_length, **config.transformer(), start_token=start_token
    )
    model = LanguageModel(decoder, scales)
    model.compile(adamw(config, config.epochs * train.steps_per_epoch))
    return model


if __name__ == "__main__":
    sys.exit(main())
