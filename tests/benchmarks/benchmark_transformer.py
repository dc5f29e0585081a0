"""What the Transformer costs, in turns in one process.

    python tests/benchmarks/benchmark_transformer.py [--rounds 9] [--steps 40]

Training: a step of `fit` as `train_lm` runs it (4 blocks, 4 heads, width 128, 64 tokens, batch 12),
beside the same network with `keras.layers.MultiHeadAttention` in its blocks.
Generation: 256 tokens in a context of 256, each way one compiled loop, with the cache and without.
Without it, the loop reads no more than the tokens written so far. Then with the cache written by
`keras.ops.slice_update`.
"""

import argparse
import statistics

import keras
import numpy as np
from keras import ops
from timing import cost

from genai_keras.cli.parsing import parse_config
from genai_keras.cli.text_options import LanguageModelConfig
from genai_keras.data.text import load_text
from genai_keras.layers import attention, transformer
from genai_keras.layers.attention import MultiHeadAttention
from genai_keras.models.language_model import LanguageModel
from genai_keras.networks.transformer import TransformerDecoder
from genai_keras.training.optimizers import adamw


class KerasAttention(keras.layers.Layer):
    """`keras.layers.MultiHeadAttention`, called as ours is."""

    def __init__(self, num_heads, dropout, kernel_initializer, output_initializer, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = kernel_initializer

    def build(self, query_shape):
        self.attention = keras.layers.MultiHeadAttention(
            self.num_heads,
            query_shape[-1] // self.num_heads,
            dropout=self.dropout,
            kernel_initializer=self.kernel_initializer,
        )
        self.attention.build(query_shape, query_shape)

    def call(
        self,
        query,
        padding_mask=None,
        causal=False,
        cache=None,
        position=0,
        return_attention_scores=False,
        training=False,
    ):
        # Not asked for its weights: Keras goes a slower way for them.
        return self.attention(query, query, use_causal_mask=causal, training=training), None


def in_turns(title, first, second, rounds):
    """Calls both in turns and prints what they cost, and how many times as much the second."""
    print(f"{title}\nround      CPU ms               wall ms              ratio CPU, wall")
    ratios = []
    for index in range(rounds + 1):
        (wall, cpu), (other_wall, other_cpu) = cost(first), cost(second)
        if not index:
            continue  # it compiles
        ratios.append((other_cpu / cpu, other_wall / wall))
        print(
            f"{index:5} {cpu:9.1f} {other_cpu:9.1f}  {wall:9.1f} {other_wall:9.1f}"
            f"  {ratios[-1][0]:9.3f} {ratios[-1][1]:6.3f}"
        )
    medians = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print(f"median ratio {medians[0]:.3f} by CPU time, {medians[1]:.3f} by wall clock\n")


def training(rounds, steps):
    config = parse_config(LanguageModelConfig, ["--batch-size", "12"])
    length = config.context_length
    text = load_text("python-docs", context_length=length, batch_size=config.batch_size)

    def make(attention):
        transformer.MultiHeadAttention = attention
        decoder = TransformerDecoder(text.tokenizer.vocabulary_size, length, **config.transformer())
        model = LanguageModel(decoder)
        model.compile(adamw(config, config.epochs * text.train.steps_per_epoch))
        transformer.MultiHeadAttention = MultiHeadAttention
        batches = text.train.shuffled()
        return model, lambda: model.fit(
            batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0
        )

    (ours, fit_ours), (theirs, fit_theirs) = make(MultiHeadAttention), make(KerasAttention)
    assert ours.count_params() == theirs.count_params()
    in_turns(f"training, {steps} steps: ours, keras.layers", fit_ours, fit_theirs, rounds)


def generation(rounds):
    model = LanguageModel(TransformerDecoder(65, 256, 128, 4, 4))

    def generate(use_cache):
        return model.generate([1], 256, seed=0, use_cache=use_cache)

    assert np.array_equal(generate(True), generate(False))
    in_turns(
        "generation of 256 tokens: with the cache, without",
        lambda: generate(True),
        lambda: generate(False),
        rounds,
    )


def cache_writing(rounds, texts):
    ours = attention._put

    def with_ops(new, kept, position):
        return ops.slice_update(kept, (0, 0, position, 0), ops.cast(new, kept.dtype))

    def make(put):
        keras.utils.set_random_seed(0)
        model = LanguageModel(TransformerDecoder(65, 256, 128, 4, 4))
        attention._put = put
        generate = lambda: model.generate(np.ones((texts, 1)), 256, seed=0)  # noqa: E731
        written = generate()  # compiles
        attention._put = ours
        return generate, written

    (by_ours, written), (by_ops, same) = make(ours), make(with_ops)
    assert np.array_equal(written, same)
    in_turns(f"writing the cache, {texts} texts: ours, keras.ops", by_ours, by_ops, rounds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=40, help="of training, a round")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    generation(arguments.rounds)
    cache_writing(arguments.rounds, texts=1)
    cache_writing(arguments.rounds, texts=24)
    training(arguments.rounds, arguments.steps)


if __name__ == "__main__":
    main()
