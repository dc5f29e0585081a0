"""The options of the commands that train Transformers."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.options import TrainConfig, option
from genai_keras.data.datasets import DATASETS, names_of
from genai_keras.errors import UsageError

TOKENIZERS = ("char", "bpe")


@dataclass
class TransformerConfig(TrainConfig):
    """The options that every Transformer shares."""

    batch_size: int = option(24, "sequences per training step", at_least=1)
    steps_per_epoch: int | None = option(
        None, "training steps until the next validation (default: all of the data)", at_least=1
    )
    schedule: str = option(
        "cosine",
        "how the learning rate changes: cosine lowers it to a 20th over --epochs",
        choices=("constant", "cosine"),
    )
    learning_rate: float = option(3e-3, "AdamW's learning rate", above=0)
    warmup_steps: int = option(100, "steps in which it rises from 0", at_least=0)
    weight_decay: float = option(
        0.1, "AdamW's decay of weight matrices, per unit of learning rate", at_least=0
    )
    beta_2: float = option(0.99, "AdamW's memory of squared gradients", at_least=0, below=1)
    clip: float = option(1.0, "the largest norm that the gradient of all weights may have", above=0)
    width: int = option(128, "of embeddings and states", at_least=2)
    num_layers: int = option(4, "Transformer blocks", at_least=1)
    num_heads: int = option(4, "of each attention; must divide --width", at_least=1)
    hidden_units: int | None = option(
        None, "of each block's dense network (default: 4 x width)", at_least=1
    )
    dropout: float = option(
        0.0, "of embeddings, branches and attention weights", at_least=0, below=1
    )
    activation: str = option("gelu", "of the hidden units", choices=("gelu", "relu"))
    norm: str = option(
        "pre", "normalize before each branch, or behind it as in the paper", choices=("pre", "post")
    )
    positions: str = option(
        "learned", "how a token knows where it is", choices=("learned", "sinusoidal")
    )

    def transformer(self):
        """The arguments that every Transformer takes alike.

        Raises:
            UsageError: there is no Transformer of such a width.
        """
        if self.width % self.num_heads:
            raise UsageError(
                f"--width {self.width} cannot be divided among {self.num_heads} heads: choose a "
                f"multiple of {self.num_heads}, or another --num-heads"
            )
        if self.positions == "sinusoidal" and self.width % 2:
            raise UsageError(f"--width must be even for --positions sinusoidal, not {self.width}")
        names = (
            "width", "num_layers", "num_heads", "hidden_units", "dropout", "activation",
            "positions",
        )  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "norm_first": self.norm == "pre"}


# Grey images of a known size.
PIXEL_DATASETS = tuple(name for name in names_of("images") if DATASETS[name].shape == (28, 28, 1))


@dataclass
class LanguageModelConfig(TransformerConfig):
    """The options of `train_lm`. The defaults are the preset `char`."""

    command: ClassVar[str] = "train_lm"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_lm --prompt "The "
  python -m genai_keras.train_lm --dataset text --data-dir my_book.txt --max-minutes 5

The default reads Python's own manual, in about 4.5 minutes on two CPU cores.
"""
    presets: ClassVar[dict[str, dict]] = {
        "char": {},
        "pixels": {
            "dataset": "mnist5k",
            "width": 64,
            "temperature": 1.0,
        },
    }

    preset: str = option("char", "a named set of defaults; a flag that is typed wins over it")
    dataset: str = option(
        "python-docs", "what to learn from", choices=(*names_of("text"), *PIXEL_DATASETS)
    )
    epochs: int = option(8, "parts of the run, each ending in validation and a sample", at_least=1)
    steps_per_epoch: int | None = option(
        250, "training steps until the next validation", at_least=1
    )
    context_length: int = option(64, "tokens that the model sees at once (text)", at_least=2)
    tokenizer: str = option("char", "characters, or byte pairs (text)", choices=TOKENIZERS)
    vocabulary_size: int = option(512, "tokens that bpe learns (text)", at_least=256)
    image_size: int = option(14, "side in pixels (digits)", at_least=2)
    prompt: str = option("\n", "what the sample of each epoch begins with (text)")
    sample_length: int = option(
        400, "tokens that are added to it (text)", at_least=1, at_most=100_000
    )
    temperature: float = option(0.8, "of the samples; 0 takes the likeliest token", at_least=0)
    top_k: int | None = option(None, "draw samples from the k likeliest tokens", at_least=1)
    top_p: float | None = option(
        None, "draw samples from the likeliest tokens of this mass", above=0, at_most=1
    )

    def sampling(self):
        """The arguments of `LanguageModel.generate` that say how samples are drawn."""
        return {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "seed")}

    def check(self):
        super().check()
        if DATASETS[self.dataset].kind == "images":
            of_text = "context_length", "tokenizer", "vocabulary_size", "prompt", "sample_length"
            self.check_unused(*of_text)
            return
        self.check_unused("image_size", *(() if self.dataset == "text" else ("data_dir",)))

    def task(self):
        from genai_keras.tasks.pixels import Pixels
        from genai_keras.tasks.text import Text

        return {"images": Pixels, "text": Text}[DATASETS[self.dataset].kind](self)


@dataclass
class Seq2SeqConfig(TransformerConfig):
    """The options of `train_seq2seq`. The defaults are the preset `small`."""

    command: ClassVar[str] = "train_seq2seq"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_seq2seq --dataset sort
  python -m genai_keras.train_seq2seq --preset translate --data-dir sentences.tsv

The default learns to read dates, in about 3.5 minutes on two CPU cores.
"""
    presets: ClassVar[dict[str, dict]] = {
        "small": {},
        "documents": {
            "width": 512,
            "num_heads": 8,
            "num_layers": 1,
            "hidden_units": 512,
            "learning_rate": 1e-3,
        },
        "translate": {
            "dataset": "pairs",
            "steps_per_epoch": None,
            "epochs": 13,
            "max_length": 24,
            "dropout": 0.1,
            "label_smoothing": 0.1,
            "source_tokenizer": "bpe",
            "vocabulary_size": 2000,
        },
    }

    preset: str = option("small", "a named set of defaults; a flag that is typed wins over it")
    dataset: str = option("dates", "what to learn from", choices=names_of("pairs"))
    epochs: int = option(8, "parts of the run, each ending in validation", at_least=1)
    batch_size: int = option(64, "pairs per training step", at_least=1)
    steps_per_epoch: int | None = option(
        200, "training steps until the next validation", at_least=1
    )
    num_layers: int = option(2, "Transformer blocks of the encoder, and of the decoder", at_least=1)
    positions: str = option(
        "sinusoidal", "how a token knows where it is", choices=("learned", "sinusoidal")
    )
    label_smoothing: float = option(
        0.0, "fraction of each target that is spread over the vocabulary", at_least=0, below=1
    )
    source_tokenizer: str = option("char", "characters, or byte pairs", choices=TOKENIZERS)
    target_tokenizer: str = option("char", "characters, or byte pairs", choices=TOKENIZERS)
    vocabulary_size: int = option(2000, "tokens that each bpe learns", at_least=258)
    max_length: int = option(64, "longer pairs, in tokens, are left out (pairs)", at_least=2)
    beam_width: int = option(1, "hypotheses kept by the search at the end of the run", at_least=1)
    length_penalty: float = option(0.0, "in favour of longer translations, 0 to 1", at_least=0)

    def check(self):
        super().check()
        if self.dataset != "pairs":
            self.check_unused("data_dir", "max_length")

    def task(self):
        from genai_keras.tasks.pairs import Pairs

        return Pairs(self)
