"""Trains an encoder-decoder Transformer on pairs of texts."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.text_options import Seq2SeqConfig


@command(Seq2SeqConfig)
def main(config):
    """Trains an encoder-decoder Transformer on pairs of texts."""
    # Imported here because TensorFlow takes seconds, and --help should not.
    from genai_keras.callbacks.doctor import transformer_doctor
    from genai_keras.models.seq2seq import Seq2Seq
    from genai_keras.networks.transformer import TransformerDecoder, TransformerEncoder
    from genai_keras.training.optimizers import adamw
    from genai_keras.training.prepare import prepare_run
    from genai_keras.training.run import run_training

    task = config.task()
    data = prepare_run(config, task)
    if config.dry_run:
        return
    source, target = data.source.source_tokenizer, data.source.target_tokenizer
    (source_length,), (target_length,) = data.train.element_shape
    encoder = TransformerEncoder(source.vocabulary_size, source_length, **config.transformer())
    decoder = TransformerDecoder(
        target.vocabulary_size,
        target_length,
        **config.transformer(),
        cross_attention=True,
        start_token=True,
    )
    model = Seq2Seq(encoder, decoder, config.label_smoothing)
    model.compile(
        adamw(config, config.epochs * data.train.steps_per_epoch), accumulate=config.accumulate
    )
    doctor = transformer_doctor(config.run_dir, decoder.vocabulary_size, "nats", config.verbose)
    run_training(model, data, config, callbacks=[*task.callbacks(data), doctor])
    print(task.finish(model, data))


if __name__ == "__main__":
    sys.exit(main())
