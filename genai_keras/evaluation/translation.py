"""How good translations are: exact match, and chrF from sacrebleu."""

import csv
import json
from dataclasses import dataclass

import numpy as np

from genai_keras.evaluation.bootstrap import Figure


@dataclass(frozen=True)
class Translation:
    """A source, its translation by a model, and all right answers in the data."""

    source: str
    written: str
    targets: list[str]


def evaluate_translations(model, pairs, batch_size=250, beam_width=1, length_penalty=0.0):
    """Translates every source of the validation part and compares it with all of its targets.

    It compares texts, so a target with a character that the tokenizer does not know is never
    matched. The training metric `exact_match` differs in this: it compares tokens.

    Args:
        model: a `Seq2Seq`.
        pairs: the result of `load_pairs`.
        batch_size: number of sources at a time.
        beam_width, length_penalty: as in `Seq2Seq.generate`.

    Returns:
        A dictionary of `exact_match`, the fraction of translations that equal one of their targets,
        and `chrf`, 0 to 100; and a list of `Translation`.

    Reference: chrF: Popovic 2015, https://aclanthology.org/W15-3049
    """
    targets, rows = {}, []
    for row, (source, target) in enumerate(pairs.validation_texts):
        if source not in targets:
            rows.append(row)
        targets.setdefault(source, []).append(target)
    import sacrebleu  # here, because the import takes half a second

    tokens, _ = pairs.validation.first(pairs.validation.count)
    written = []
    for part in np.array_split(tokens[rows], -(-len(rows) // batch_size)):
        found = model.generate(part, beam_width=beam_width, length_penalty=length_penalty)
        written += [pairs.target_tokenizer.decode(each) for each in found]
    translations = [
        Translation(source, text, targets[source])
        for source, text in zip(targets, written, strict=True)
    ]
    scores = {
        "exact_match": float(np.mean([each.written in each.targets for each in translations])),
        "chrf": sacrebleu.corpus_chrf(written, _references(translations)).score,
    }
    return scores, translations


def bootstrap_chrf(translations, resamples=200):
    """chrF of translations, 0 to 100, as a `Figure`; sacrebleu resamples sentences."""
    import sacrebleu

    written, metric = [each.written for each in translations], sacrebleu.CHRF()
    score = metric.corpus_score(written, _references(translations), resamples)
    facts = score.format(width=6, signature=metric.get_signature().format(), is_json=True)
    error = json.loads(facts)["confidence_var"]
    return Figure(score.score, score.score - error, score.score + error)


def _references(translations):
    """Targets in the format of sacrebleu: a list of all first targets, of all second ones, ..."""
    most = max(len(each.targets) for each in translations)
    return [
        [each.targets[i] if i < len(each.targets) else None for each in translations]
        for i in range(most)
    ]


def save_translations(path, translations):
    """Writes a table separated by tabs: source, translation, and all targets."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerows([each.source, each.written, *each.targets] for each in translations)
