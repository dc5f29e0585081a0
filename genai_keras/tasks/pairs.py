"""Pairs of a source and its target, for an encoder-decoder."""

from genai_keras.callbacks.attention import AttentionMaps
from genai_keras.callbacks.text import Translations
from genai_keras.data.pairs import encode_sources, load_pairs
from genai_keras.data.reading import rows_of
from genai_keras.errors import UsageError
from genai_keras.evaluation.scores import score_translations
from genai_keras.evaluation.translation import evaluate_translations, save_translations
from genai_keras.tasks.base import Data, Task
from genai_keras.tasks.samples import Text

SHOWN = 10  # validation pairs that the callbacks show
SOURCE, TARGET = "source-tokenizer.json", "target-tokenizer.json"


class Pairs(Task):
    """Sentences and their translations, dates, or lists to sort."""

    name = "pairs"
    suffixes = (".txt",)
    sample_options = ("prompt",)
    loader_options = (
        "dataset", "data_dir", "batch_size", "seed", "limit", "steps_per_epoch",
        "source_tokenizer", "target_tokenizer", "vocabulary_size", "max_length", "encoding",
        "columns",
    )  # fmt: skip
    export_options = ("beam_width", "length_penalty")
    tokenizer_files = (SOURCE, TARGET)

    def load(self, value_range=None, **changes):
        pairs = load_pairs(**self.loader_arguments(**changes))
        files = {SOURCE: pairs.source_tokenizer, TARGET: pairs.target_tokenizer}
        return Data(
            pairs.train, pairs.validation, files, pairs.fingerprint, pairs, units=("pairs", 1)
        )

    def callbacks(self, data):
        run_dir, pairs = self.options.run_dir, data.source
        source, target = pairs.validation.first(SHOWN)
        return [
            Translations(
                run_dir,
                pairs.validation_texts[:SHOWN],
                source,
                pairs.target_tokenizer,
            ),
            AttentionMaps(
                run_dir,
                (source[:1], target[:1]),
                queries=_labels(target[0], pairs.target_tokenizer),
                keys=_labels(source[0], pairs.source_tokenizer),
                doing="writing",
                of="cross_attention",
            ),
        ]

    def finish(self, model, data):
        scores, translations = evaluate_translations(model, data.source, **self._search())
        save_translations(self.options.run_dir / "translations.tsv", translations)
        found = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        return f"{found}, of {len(translations)} unseen sources"

    def samples(self, run, request):
        """The translation of the prompt, line by line."""
        *sources, last = rows_of(request.prompt or "")
        sources += [last] if last else []
        if not all(map(str.strip, sources)) or not sources:
            raise UsageError(
                "give a `prompt`, the text for the model to read, such as a date in words"
            )
        longest = run.model.encoder.context_length
        tokens = encode_sources(sources, run.tokenizers[SOURCE], longest)
        written = run.model.generate(tokens, **self._search())
        return Text("\n".join(run.tokenizers[TARGET].decode(each) for each in written))

    def score(self, run, request):
        pairs = run.load().source
        return score_translations(run.model, pairs, **self._search(), seed=request.seed)

    def _search(self):
        return {name: getattr(self.options, name) for name in self.export_options}


def _labels(tokens, tokenizer):
    """The labels of the tokens of a sentence, without its padding."""
    return [tokenizer.name(token) for token in tokens if token]
