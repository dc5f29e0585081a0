"""The options of the commands that train Transformers."""

from dataclasses import dataclass
from typing import ClassVar

from genai_keras.cli.options import DATA, NETWORK, OPTIMIZATION, SAMPLES, TrainConfig, option
from genai_keras.data.datasets import DATASETS, names_of
from genai_keras.errors import UsageError

TOKENIZERS = ("char", "bpe")
ENCODING = "encoding of your file (default: UTF-8)"


@dataclass
class TransformerConfig(TrainConfig):
    """The options that the commands with a Transformer share."""

    batch_size: int = option(24, "number of sequences per training step", at_least=1)
    steps_per_epoch: int | None = option(
        None, "training steps per epoch (default: one pass over the data)", OPTIMIZATION, at_least=1
    )
    schedule: str = option(
        "cosine",
        "cosine falls to a 20th over --epochs",
        choices=("constant", "cosine"),
    )
    learning_rate: float = option(3e-3, "learning rate of AdamW", above=0)
    warmup_steps: int = option(
        100, "steps in which the learning rate rises from 0", OPTIMIZATION, at_least=0
    )
    weight_decay: float = option(
        0.1, "weight decay of AdamW, applied to weight matrices only", OPTIMIZATION, at_least=0
    )
    beta_2: float = option(
        0.99, "decay rate of AdamW's second moment", OPTIMIZATION, at_least=0, below=1
    )
    clip: float = option(1.0, "largest norm of the whole gradient", OPTIMIZATION, above=0)
    width: int = option(128, "width of embeddings and hidden states", NETWORK, at_least=2)
    num_layers: int = option(4, "number of Transformer blocks", NETWORK, at_least=1)
    num_heads: int = option(4, "attention heads; must divide --width", NETWORK, at_least=1)
    hidden_units: int | None = option(
        None, "hidden units of each block (default: 4 x width)", NETWORK, at_least=1
    )
    dropout: float = option(
        0.0,
        "dropout rate of embeddings, branches and attention weights",
        NETWORK,
        at_least=0,
        below=1,
    )
    activation: str = option(
        "gelu", "activation of the hidden units", NETWORK, choices=("gelu", "relu")
    )
    norm: str = option(
        "pre",
        "layer normalization before each branch, or after it as in the paper",
        NETWORK,
        choices=("pre", "post"),
    )
    positions: str = option(
        "learned", "kind of position embeddings", NETWORK, choices=("learned", "sinusoidal")
    )

    def transformer(self):
        """The arguments that all Transformers share.

        Raises:
            UsageError: no Transformer can have this width.
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


# Only grey images of a known size.
PIXEL_DATASETS = tuple(name for name in names_of("images") if DATASETS[name].shape == (28, 28, 1))


@dataclass
class LanguageModelConfig(TransformerConfig):
    """The options of `train_lm`. The defaults are the preset `char`."""

    command: ClassVar[str] = "train_lm"
    examples: ClassVar[str] = """\
examples:
  python -m genai_keras.train_lm --prompt "The "
  python -m genai_keras.train_lm --dataset text --data-dir my_book.txt

The default learns Python's manual in about 4.5 minutes on two CPU cores.
"""
    presets: ClassVar[dict[str, dict]] = {
        "char": {},
        "pixels": {"dataset": "mnist5k", "width": 64, "temperature": 1.0},
    }

    preset: str = option("char", "named set of defaults, listed below")
    dataset: str = option(
        "python-docs", "data to learn from", choices=(*names_of("text"), *PIXEL_DATASETS)
    )
    epochs: int = option(
        8, "number of epochs, each ending with validation and a sample", at_least=1
    )
    steps_per_epoch: int | None = option(250, "training steps per epoch", at_least=1)
    context_length: int = option(64, "context length in tokens (text)", NETWORK, at_least=2)
    tokenizer: str = option(
        "char", "characters or byte pairs as tokens (text)", DATA, choices=TOKENIZERS
    )
    vocabulary_size: int = option(
        512, "number of tokens for bpe to learn (text)", DATA, at_least=256
    )
    encoding: str | None = option(None, ENCODING, DATA)
    image_size: int = option(14, "side of the images in pixels (digits)", DATA, at_least=2)
    prompt: str = option("\n", "beginning of the sample after each epoch (text)", SAMPLES)
    sample_length: int = option(
        400, "number of tokens to add to the prompt (text)", SAMPLES, at_least=1, at_most=100_000
    )
    temperature: float = option(
        0.8, "sampling temperature; 0 takes the most likely token", SAMPLES, at_least=0
    )
    top_k: int | None = option(
        None, "sample among the k most likely tokens only", SAMPLES, at_least=1
    )
    top_p: float | None = option(
        None,
        "sample among the most likely tokens with this total probability",
        SAMPLES,
        above=0,
        at_most=1,
    )

    def sampling(self):
        """The sampling arguments of `LanguageModel.generate`."""
        return {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "seed")}

    def check(self):
        super().check()
        if DATASETS[self.dataset].kind == "images":
            of_text = "context_length", "tokenizer", "vocabulary_size", "prompt", "sample_length"
            self.check_unused(*of_text, "encoding")
            return
        of_files = () if self.dataset == "text" else ("data_dir", "encoding")
        self.check_unused("image_size", *of_files)

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
  python -m genai_keras.train_seq2seq --preset translate --data-dir pairs.tsv

The default learns to read dates in about 3.5 minutes on two CPU cores.
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

    preset: str = option("small", "named set of defaults, listed below")
    dataset: str = option("dates", "data to learn from", choices=names_of("pairs"))
    epochs: int = option(8, "number of epochs, each ending with validation", at_least=1)
    batch_size: int = option(64, "number of pairs per training step", at_least=1)
    steps_per_epoch: int | None = option(200, "training steps per epoch", at_least=1)
    num_layers: int = option(2, "blocks in encoder and decoder each", at_least=1)
    positions: str = option(
        "sinusoidal", "kind of position embeddings", choices=("learned", "sinusoidal")
    )
    label_smoothing: float = option(
        0.0,
        "fraction of each target that is spread over the vocabulary",
        OPTIMIZATION,
        at_least=0,
        below=1,
    )
    source_tokenizer: str = option(
        "char", "characters or byte pairs as tokens", DATA, choices=TOKENIZERS
    )
    target_tokenizer: str = option(
        "char", "characters or byte pairs as tokens", DATA, choices=TOKENIZERS
    )
    vocabulary_size: int = option(
        2000, "number of tokens for each bpe to learn", DATA, at_least=258
    )
    max_length: int = option(64, "skip longer pairs, in tokens (pairs)", DATA, at_least=2)
    encoding: str | None = option(None, ENCODING, DATA)
    columns: str | None = option(None, "two columns, as in 2,4 (default: the first two)", DATA)
    beam_width: int = option(1, "hypotheses in the final beam search", SAMPLES, at_least=1)
    length_penalty: float = option(
        0.0, "preference for longer targets, 0 to 1", SAMPLES, at_least=0
    )

    def check(self):
        super().check()
        if self.dataset != "pairs":
            self.check_unused("data_dir", "max_length", "encoding", "columns")

    def task(self):
        from genai_keras.tasks.pairs import Pairs

        return Pairs(self)
