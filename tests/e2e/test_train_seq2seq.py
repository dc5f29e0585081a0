"""`train_seq2seq` as a user starts it: what it writes, its metrics, its errors, resuming."""

import csv
from datetime import date

import keras
import numpy as np
import pytest
import sacrebleu
import tensorflow as tf
from helpers import history, is_that_day

from genai_keras import generate
from genai_keras.data import procedural
from genai_keras.data.batches import Batches
from genai_keras.data.pairs import END, PADDING, SPECIALS, Pairs, encode_sources
from genai_keras.data.tokenizers import CharacterTokenizer, load_tokenizer
from genai_keras.evaluation.translation import evaluate_translations, save_translations
from genai_keras.train_seq2seq import main

TINY = [
    *("--width", "8", "--num-layers", "1", "--num-heads", "2", "--batch-size", "4"),
    *("--epochs", "3", "--steps-per-epoch", "4", "--verbose", "0"),
]
SENTENCES = [(f"I have {n} {thing}.", f"我有{n}{sign}。") for n in range(30) for thing, sign in
             (("cats", "猫"), ("dogs", "狗"))]  # fmt: skip


@pytest.fixture
def sentences(tmp_path):
    path = tmp_path / "sentences.tsv"
    path.write_text("".join(f"{s}\t{t}\n" for s, t in SENTENCES), encoding="utf-8")
    return path


def run(folder, path, *argv):
    return main(
        [*TINY, "--dataset", "pairs", "--data-dir", str(path), "--run-dir", str(folder), *argv]
    )


def translations(folder):
    """The rows of a run's `translations.tsv`: source, what was written, targets."""
    with open(folder / "translations.tsv", encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


def resume(folder, *argv):
    return main(["--run-dir", str(folder), "--resume", *argv])


@pytest.mark.slow
def test_a_run_leaves_translations_attention_maps_and_its_tokenizers(tmp_path, sentences, capsys):
    folder = tmp_path / "run"
    assert run(folder, sentences, "--label-smoothing", "0.1", "--beam-width", "3") == 0
    names = {path.name for path in (folder / "samples").iterdir()}
    expected = {f"epoch_000{i}.txt" for i in range(4)} | {f"attention_000{i}.png" for i in range(4)}
    assert names == expected | {"attention.gif"}
    row = history(folder)[-1]
    metrics = {"loss", "nats", "token_accuracy", "exact_match"}
    assert set(row) == {"epoch", *metrics, *(f"val_{name}" for name in metrics)}

    # The saved model and tokenizers write what the run's file says, and its scores are of that.
    rows = translations(folder)
    assert {(source, target) for source, _, target in rows} <= set(SENTENCES)
    model = keras.saving.load_model(folder / "model.keras")
    source_tokenizer = load_tokenizer(folder / "source-tokenizer.json")
    target_tokenizer = load_tokenizer(folder / "target-tokenizer.json")
    source = encode_sources(
        [row[0] for row in rows], source_tokenizer, model.encoder.context_length
    )
    tokens = model.generate(source, beam_width=3)
    assert [target_tokenizer.decode(each) for each in tokens] == [row[1] for row in rows]
    chrf = sacrebleu.corpus_chrf([row[1] for row in rows], [[row[2] for row in rows]]).score
    exact = np.mean([row[1] == row[2] for row in rows])
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"exact_match {exact:.4f}, chrf {chrf:.4f}, of 6 unseen sources"
    )


@pytest.mark.slow
def test_an_export_is_learnt_by_its_columns_and_asked_with_any_spaces(tmp_path, capsys):
    path, folder = tmp_path / "export.tsv", tmp_path / "run"
    rows = [f"{n}\t{source}\t9{n}\t{target}\n" for n, (source, target) in enumerate(SENTENCES)]
    path.write_text("".join(rows), encoding="utf-16")
    assert run(folder, path, "--columns", "2,4", "--epochs", "1") == 0
    assert {(source, target) for source, _, target in translations(folder)} <= set(SENTENCES)
    assert capsys.readouterr().err == ""
    prompt = "I have 5 cats.\r\n I\xa0have\t5\u2009cats. \rI have 5 ß\r"
    assert generate.main([str(folder), "--prompt", prompt]) == 0
    out, err = capsys.readouterr()
    first, second, _ = out.removesuffix("\n").split("\n")
    assert first == second and "does not contain 'ß', so" in err
    for nothing in ("\t\xa0", "\ufeff", prompt + "\r"):
        assert generate.main([str(folder), "--prompt", nothing]) == 2
    # The run goes on with the same pairs, however they are saved, and with no others.
    path.write_text("".join(f"{s}\t{t}\t{s}\n" for s, t in SENTENCES), encoding="gb18030")
    assert resume(folder, "--encoding", "gb18030", "--columns", "1,2") == 0
    assert resume(folder, "--encoding", "gb18030", "--columns", "2,1") == 1
    assert "with other data" in capsys.readouterr().err


class Parrot:
    """A stand-in for a model, which writes what it is given."""

    def generate(self, source, **how):
        return source


def test_a_source_is_judged_once_by_all_of_its_targets(tmp_path):
    letters = CharacterTokenizer("abc\t", SPECIALS)
    texts = [("a", "b"), ("ab", "ab"), ("a", "a"), ("c\t", "b"), ("a", "c")]
    # Not as a prompt, in which a tab is a space.
    rows = [[*letters.encode(source), END, PADDING] for source, _ in texts]
    tokens = np.array([row[:3] for row in rows], "int32")
    fetch = lambda i: (tf.gather(tokens, i), tf.gather(tokens, i))  # noqa: E731
    batches = Batches(fetch, 5, ((3,), (3,)), 2)
    pairs = Pairs(batches, batches, letters, letters, texts)
    scores, found = evaluate_translations(Parrot(), pairs, batch_size=2)
    assert [(each.source, each.written, each.targets) for each in found] == [
        ("a", "a", ["b", "a", "c"]),
        ("ab", "ab", ["ab"]),
        ("c\t", "c\t", ["b"]),
    ]
    assert scores["exact_match"] == pytest.approx(2 / 3)
    chrf = [
        max(sacrebleu.sentence_chrf(each.written, [target]).score for target in each.targets)
        for each in found
    ]
    assert chrf[:2] == [100.0, 100.0] and chrf[2] < 1 < scores["chrf"] < 100
    save_translations(tmp_path / "translations.tsv", found)
    assert translations(tmp_path)[0] == ["a", "a", "b", "a", "c"]
    assert translations(tmp_path)[2] == ["c\t", "c\t", "b"]


@pytest.mark.low_precision
@pytest.mark.slow
def test_epochs_show_a_few_validation_pairs_in_low_precision_too(tmp_path, capsys):
    argv = [*TINY, "--dataset", "sort", "--verbose", "2", "--run-dir", str(tmp_path / "run")]
    argv += ["--precision", "mixed_bfloat16", "--positions", "learned", "--norm", "post"]
    assert main(argv) == 0
    for line in (tmp_path / "run" / "samples" / "epoch_0003.txt").read_text().splitlines():
        source, _, rest = line.partition(" -> ")
        assert rest.endswith(f"({''.join(sorted(source))})")
    assert capsys.readouterr().out.count("  | ") == 3 * 3


@pytest.mark.parametrize(
    "content, says",
    [
        (None, "needs --data-dir"),
        (b"", "is empty"),
        (b"Hello.\tHallo.\nNo tab\nBye.\tTschau.\n", "line 2 of"),
        (b"Hello.\t\nBye.\tTschau.\n", "line 1 of"),
        (b"caf\xe9\tKaffee\n", "not in UTF-8"),
        ("".join(f"{n}\tHi {n}\t9{n}\tHallo {n}\n" for n in range(9)).encode(),
         '--columns 2,4 ("Hi 0" -> "Hallo 0")'),
        (b"PK\x03\x04" + bytes(40), "is a zip file, not text: unpack it"),
        (b"Hello.\tHallo.\n", "only one source"),
        (b"Hello.\tHallo.\nBye.\tTschau.\n", "do not fill one batch"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_clear_line(content, says, tmp_path, capsys):
    argv = [*TINY, "--dataset", "pairs", "--run-dir", str(tmp_path / "run")]
    if content is not None:
        (tmp_path / "pairs.tsv").write_bytes(content)
        argv += ["--data-dir", str(tmp_path / "pairs.tsv")]
    assert main(argv) == (2 if content is None else 1)
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "argv, says",
    [
        (["--data-dir", "x"], "--data-dir has no effect on --dataset dates"),
        (["--max-length", "9"], "--max-length has no effect on --dataset dates"),
        (["--encoding", "utf-8"], "--encoding has no effect on --dataset dates"),
        (["--columns", "2,4"], "--columns has no effect on --dataset dates"),
        (["--width", "9", "--num-heads", "3"], "--width must be even"),
        (["--width", "10", "--num-heads", "3"], "among 3 heads"),
    ],
)
def test_wrong_options_are_one_clear_line(argv, says, tmp_path, capsys):
    assert main([*TINY, "--run-dir", str(tmp_path / "run"), *argv]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


SMALL = ["--width", "32", "--num-layers", "1", "--num-heads", "4", "--epochs", "3",
         "--steps-per-epoch", "200", "--learning-rate", "0.01", "--verbose", "0"]  # fmt: skip


@pytest.mark.slow
def test_a_trained_model_reads_dates_it_never_saw(tmp_path, monkeypatch):
    """Forty years in three ways; all there are, in benchmark_training.py."""
    monkeypatch.setattr(procedural, "WAYS", procedural.WAYS[1:4])
    forty_years = date(1640, 1, 1).toordinal() - procedural.FIRST_DAY
    monkeypatch.setattr(procedural, "DAYS", forty_years)
    monkeypatch.setattr(procedural, "VALIDATION", 500)
    folder = tmp_path / "run"
    assert main([*SMALL, "--run-dir", str(folder)]) == 0
    rows = translations(folder)
    right = [written == target and is_that_day(source, written) for source, written, target in rows]
    assert len(right) == 500
    assert np.mean(right) >= 0.97  # 0.994 to 1 with three seeds


@pytest.mark.slow
def test_a_trained_model_sorts_every_list(tmp_path, monkeypatch):
    """Of four digits; six, in benchmark_training.py."""
    monkeypatch.setattr(procedural, "DIGITS", 4)
    monkeypatch.setattr(procedural, "VALIDATION", 500)
    folder = tmp_path / "run"
    assert main([*SMALL, "--dataset", "sort", "--run-dir", str(folder)]) == 0
    rows = translations(folder)
    wrong = [source for source, written, _ in rows if written != "".join(sorted(source))]
    assert (len(rows), wrong) == (500, [])
