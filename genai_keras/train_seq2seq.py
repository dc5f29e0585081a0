"""Trains an encoder-decoder Transformer on pairs: dates, sorting, or your own translations."""

import sys

from genai_keras.cli.command import command
from genai_keras.cli.text_options import Seq2SeqConfig

SHOWN = 10  # validation pairs that the callbacks write down


@command(Seq2SeqConfig)
def main(config):
    """Trains an encoder-decoder Transformer on pairs: dates, sorting, or your own translations."""
    # Imported here: TensorFlow takes seconds, and --help should not.
    from genai_keras.callbacks.attention import AttentionMaps
    from genai_keras.callbacks.doctor import transformer_doctor
    from genai_keras.callbacks.text import Translations
    from genai_keras.data.pairs import load_pairs
    from genai_keras.evaluation.translation import evaluate_translations, save_translations
    from genai_keras.training.run import prepare_run, run_training

    if config.dataset != "pairs":
        config.check_unused("data_dir", "max_length")
    prepare_run(config)
    pairs = load_pairs(**config.source())
    if pairs.left_out:
        print(f"{pairs.left_out} pairs of more than {config.max_length} tokens are left out")
    model = build_model(config, pairs)
    source, target = pairs.validation.first(SHOWN)
    run_training(
        model,
        pairs.train,
        pairs.validation,
        config,
        callbacks=[
            Translations(
                config.run_dir,
                pairs.validation_texts[:SHOWN],
                source,
                pairs.target_tokenizer,
                config.verbose,
            ),
            AttentionMaps(
                config.run_dir,
                (source[:1], target[:1]),
                queries=labels(target[0], pairs.target_tokenizer),
                keys=labels(source[0], pairs.source_tokenizer),
                doing="writing",
                of="cross_attention",
            ),
            transformer_doctor(config, pairs.target_tokenizer.vocabulary_size, loss="nats"),
        ],
        files={
            "source-tokenizer.json": pairs.source_tokenizer.to_json(),
            "target-tokenizer.json": pairs.target_tokenizer.to_json(),
        },
        fingerprint=pairs.fingerprint,
    )
    scores, translations = evaluate_translations(
        model, pairs, beam_width=config.beam_width, length_penalty=config.length_penalty
    )
    save_translations(config.run_dir / "translations.tsv", translations)
    found = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
    print(f"{found}, of {len(translations)} unseen sources")


def build_model(config, pairs):
    """Builds the model that a config asks for, compiled."""
    from genai_keras.models.seq2seq import Seq2Seq
    from genai_keras.networks.transformer import TransformerDecoder, TransformerEncoder
    from genai_keras.training.optimizers import adamw

    (source_length,), (target_length,) = pairs.train.element_shape
    model = Seq2Seq(
        TransformerEncoder(
            pairs.source_tokenizer.vocabulary_size, source_length, **config.transformer()
        ),
        TransformerDecoder(
            pairs.target_tokenizer.vocabulary_size,
            target_length,
            **config.transformer(),
            cross_attention=True,
            start_token=True,
        ),
        config.label_smoothing,
    )
    model.compile(adamw(config, config.epochs * pairs.train.steps_per_epoch))
    return model


def labels(tokens, tokenizer):
    """A printable name of each token but the padding."""
    from genai_keras.data.pairs import PADDING

    return [tokenizer.name(token) for token in tokens if token != PADDING]


if __name__ == "__main__":
    sys.exit(main())
