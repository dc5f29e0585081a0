"""How good translations are: exact match, and chrF from sacrebleu."""

import sacrebleu


def evaluate_translations(model, pairs, batch_size=250, beam_width=1, length_penalty=0.0):
    """Translates the validation part and compares with what it should be.

    Args:
        model: a `Seq2Seq`.
        pairs: what `load_pairs` returned.
        batch_size: sources at a time.
        beam_width, length_penalty: as of `Seq2Seq.generate`.

    Returns:
        A dictionary of `exact_match`, the share of translations that equal their target, and
        `chrf`, 0 to 100; and the translations.

    Reference: chrF: Popovic 2015, https://aclanthology.org/W15-3049
    """
    source, _ = pairs.validation.first(pairs.validation.count)
    written = []
    for start in range(0, len(source), batch_size):
        tokens, _ = model.generate(
            source[start : start + batch_size],
            beam_width=beam_width,
            length_penalty=length_penalty,
        )
        written += [pairs.target_tokenizer.decode(row) for row in tokens]
    targets = [target for _, target in pairs.validation_texts]
    right = [ours == target for ours, target in zip(written, targets, strict=True)]
    scores = {
        "exact_match": sum(right) / len(right),
        "chrf": sacrebleu.corpus_chrf(written, [targets]).score,
    }
    return scores, written


def save_translations(path, pairs, written):
    """Writes source, target and translation of each pair, separated by tabs."""
    with open(path, "w", encoding="utf-8") as file:
        for (source, target), translation in zip(pairs, written, strict=True):
            file.write(f"{source}\t{target}\t{translation}\n")
