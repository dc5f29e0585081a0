"""Trains a GPT language model on text or pixels."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.text_options import LanguageModelConfig


@command(LanguageModelConfig)
def main(config):
    """Trains a GPT language model on text or pixels."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    from genai_keras.callbacks.doctor import transformer_doctor
    from genai_keras.models.language_model import LanguageModel
    from genai_keras.networks.transformer import TransformerDecoder
    from genai_keras.training.optimizers import adamw
    from genai_keras.training.prepare import prepare_run
    from genai_keras.training.run import run_training

    task = config.task()
    data = prepare_run(config, task)
    if config.dry_run:
        return
    decoder = TransformerDecoder(**task.sequences(data), **config.transformer())
    model = LanguageModel(decoder, task.scales(data))
    model.compile(
        adamw(config, config.epochs * data.train.steps_per_epoch), accumulate=config.accumulate
    )
    doctor = transformer_doctor(config.run_dir, decoder.vocabulary_size, verbose=config.verbose)
    run_training(model, data, config, callbacks=[*task.callbacks(data), doctor])
    if said := task.finish(model, data):
        print(said)


if __name__ == "__main__":
    sys.exit(main())
