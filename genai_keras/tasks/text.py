"""Text, for a language model."""

import math

import numpy as np

from genai_keras.callbacks.attention import AttentionMaps
from genai_keras.callbacks.text import TextSample
from genai_keras.data.reading import normalize
from genai_keras.data.text import encode_prompt, load_text
from genai_keras.evaluation.scores import score_text
from genai_keras.tasks.base import Data, Task
from genai_keras.tasks.samples import Text as WrittenText

SHOWN = 24  # tokens in the attention maps
TOKENIZER = "tokenizer.json"


class Text(Task):
    """Text that a model reads in windows and continues."""

    name = "text"
    suffixes = (".txt",)
    sample_options = ("count", "prompt", "length", "temperature", "top_k", "top_p")
    loader_options = (
        "dataset", "data_dir", "batch_size", "seed", "limit", "steps_per_epoch", "context_length",
        "tokenizer", "vocabulary_size", "encoding",
    )  # fmt: skip
    tokenizer_files = (TOKENIZER,)

    def load(self, value_range=None, **changes):
        text = load_text(**self.loader_arguments(**changes))
        files = {TOKENIZER: text.tokenizer}
        units = "tokens", text.train.element_shape[0]
        return Data(text.train, text.validation, files, text.fingerprint, text, units)

    def sequences(self, data):
        """The arguments of a `TransformerDecoder` that depend on the data."""
        return {
            "vocabulary_size": data.source.tokenizer.vocabulary_size,
            "context_length": self.options.context_length,
        }

    def scales(self, data):
        """The metrics of a `LanguageModel` that are its loss in other units."""
        return {"bits_per_character": data.source.tokens_per_character / math.log(2)}

    def callbacks(self, data):
        options, tokenizer = self.options, data.source.tokenizer
        encode_prompt(options.prompt, tokenizer)  # an error should appear now
        shown = data.validation.first(1)[:, :SHOWN]
        labels = [tokenizer.name(token) for token in shown[0, :-1]]
        return [
            TextSample(
                options.run_dir,
                tokenizer,
                normalize(options.prompt),
                options.sample_length,
                **options.sampling(),
            ),
            AttentionMaps(options.run_dir, shown, labels, labels),
        ]

    def samples(self, run, request):
        """Continuations of the prompt, separated by a line of dashes."""
        tokenizer = run.tokenizers[TOKENIZER]
        prompt = self.options.prompt if request.prompt is None else request.prompt
        prompts = np.tile(encode_prompt(prompt, tokenizer), (request.count or 1, 1))
        length = request.length or self.options.sample_length
        parts = run.model.stream(prompts, length, **self.sampling(request))
        written = [tokenizer.decode(each) for part in parts for each in part]
        return WrittenText(f"\n{'-' * 20}\n".join(written))

    def score(self, run, request):
        data = run.load()
        windows = data.validation.first(data.validation.count)
        tokens_per_character = data.source.tokens_per_character
        return score_text(run.model, windows, tokens_per_character, request.seed)
