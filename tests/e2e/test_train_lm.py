"""`train_lm` as a user starts it: its samples and images, its metrics, its errors, resuming."""

import gzip
import math

import keras
import numpy as np
import pytest
from helpers import grid_in, history
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genai_keras import generate
from genai_keras.data.images import load_images
from genai_keras.data.text import load_text
from genai_keras.data.tokenizers import load_tokenizer
from genai_keras.train_lm import main

TINY = [
    *("--width", "8", "--num-layers", "1", "--num-heads", "2", "--batch-size", "4"),
    *("--epochs", "3", "--verbose", "0"),
]
TEXT = [*TINY, "--context-length", "8", "--steps-per-epoch", "4", "--sample-length", "12"]
VERSE = "The cat sat on the mat,\nand that was that.\n" * 20


@pytest.fixture
def verse(tmp_path):
    path = tmp_path / "verse.txt"
    path.write_text(VERSE, encoding="utf-8")
    return path


HUGE = str(2**32 - 2)


def run(folder, text, *argv):
    return main(
        [*TEXT, "--dataset", "text", "--data-dir", str(text), "--run-dir", str(folder), *argv]
    )


def resume(folder, *argv):
    return main(["--run-dir", str(folder), "--resume", *argv])


def test_a_run_leaves_samples_attention_maps_and_its_tokenizer(tmp_path, verse):
    folder = tmp_path / "run"
    assert run(folder, verse, "--prompt", "The c", "--seed", "3") == 0
    names = {path.name for path in (folder / "samples").iterdir()}
    expected = {f"epoch_000{i}.txt" for i in range(4)} | {f"attention_000{i}.png" for i in range(4)}
    assert names == expected | {"attention.gif"}
    row = history(folder)[-1]
    metrics = {"loss", "token_accuracy", "bits_per_character"}
    assert set(row) == {"epoch", *metrics, *(f"val_{name}" for name in metrics)}
    nats = float(row["val_loss"])
    assert float(row["val_bits_per_character"]) == pytest.approx(nats / math.log(2), rel=1e-5)

    # The saved model and tokenizer write what the last sample says.
    model = keras.saving.load_model(folder / "model.keras")
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    written = model.generate(tokenizer.encode("The c"), 12, temperature=0.8, seed=3)
    sample = (folder / "samples" / "epoch_0003.txt").read_text(encoding="utf-8")
    assert sample == tokenizer.decode(written[0]) + "\n"
    text = load_text("text", verse, context_length=8)
    data = text.validation.in_order()
    assert model.evaluate(data, verbose=0, return_dict=True)["loss"] == pytest.approx(
        nats, rel=1e-5
    )

    events = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in events.Tensors("texts/sample")] == [0, 1, 2, 3]
    shown = events.Tensors("texts/sample")[-1].tensor_proto.string_val[0].decode()
    assert shown == "\n".join("    " + line for line in sample[:-1].splitlines())


@pytest.mark.slow
def test_the_terminal_shows_samples_unless_told_not_to(tmp_path, verse, capsys):
    assert run(tmp_path / "quiet", verse) == 0
    assert "  | " not in capsys.readouterr().out
    assert run(tmp_path / "talking", verse, "--verbose", "2", "--prompt", "The cat") == 0
    out = capsys.readouterr().out
    assert out.count("  | The cat") == 3 and "val_bits_per_character" in out


@pytest.mark.slow
def test_byte_pairs_have_bits_per_character_too(tmp_path, verse):
    folder = tmp_path / "run"
    argv = ["--tokenizer", "bpe", "--vocabulary-size", "262"]
    assert run(folder, verse, *argv, "--seed", HUGE, "--top-k", HUGE, "--temperature", "1e-40") == 0
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    assert tokenizer.vocabulary_size == 262
    part = VERSE[len(VERSE) * 9 // 10 :]
    tokens_per_character = len(tokenizer.encode(part)) / len(part)
    row = history(folder)[-1]
    bits = float(row["val_loss"]) / math.log(2) * tokens_per_character
    assert tokens_per_character < 0.95
    assert float(row["val_bits_per_character"]) == pytest.approx(bits, rel=1e-4)


@pytest.mark.slow
def test_unknown_characters_in_the_prompt_are_named_and_read(tmp_path, verse, capsys):
    folder = tmp_path / "run"
    assert run(folder, verse, "--prompt", "Thé cat sat on ß mat") == 0
    assert "the text does not contain 'ß', 'é'" in capsys.readouterr().err
    sample = (folder / "samples" / "epoch_0001.txt").read_text(encoding="utf-8")
    assert sample.startswith("Th� cat sat on � mat")


@pytest.mark.slow
def test_a_text_in_another_encoding_is_learnt_and_prompted_in_any_form(tmp_path, capsys):
    """The prompt is typed with a combining accent; what is odd about the text is said."""
    path, folder = tmp_path / "my verse.txt", tmp_path / "run"
    path.write_bytes((VERSE.replace("cat", "café") + "\x1b").encode("mac_roman"))
    argv = ["--encoding", "mac-roman", "--prompt", "The cafe\u0301\r", "--epochs", "1"]
    assert run(folder, path, *argv) == 0
    said = capsys.readouterr().err
    assert said == "warning: control characters are left out: U+001B once\n"
    sample = (folder / "samples" / "epoch_0001.txt").read_text(encoding="utf-8")
    assert sample.startswith("The café\n")
    assert generate.main([str(folder), "--prompt", "The\tcafe\u0301\xa0", "--length", "3"]) == 0
    written = capsys.readouterr()
    assert written.out.startswith("The�café�")
    assert r"the text does not contain '\t', '\xa0'" in written.err
    assert resume(folder) == 0  # with the encoding of the run


@pytest.mark.parametrize(
    "code, argv, says",
    [
        (2, ["--dataset", "text"], "needs --data-dir"),
        (1, ["--dataset", "text", "--data-dir", "EMPTY"], "is empty"),
        (1, ["--dataset", "text", "--data-dir", "ONE"], "too short"),
        (1, ["--dataset", "text", "--data-dir", "LATIN"], '--encoding cp1252 "café café'),
        (2, ["--dataset", "text", "--data-dir", "LATIN", "--encoding", "x"], "--encoding x: there"),
        (1, ["--dataset", "text", "--data-dir", "LATIN", "--encoding", "utf-8"], "not in utf-8"),
        (1, ["--dataset", "text", "--data-dir", "GZIP"], "gzip -dc"),
        (2, ["--encoding", "utf-8"], "--encoding has no effect on"),
        (2, ["--dataset", "mnist5k", "--encoding", "utf-8"], "--encoding has no effect on"),
        (
            1,
            ["--dataset", "text", "--data-dir", "VERSE", "--context-length", "500"],
            "--context-length 500 is too",
        ),
        (2, ["--dataset", "text", "--data-dir", "VERSE", "--prompt", ""], "--prompt is empty"),
        (2, ["--dataset", "text", "--data-dir", "VERSE", "--num-heads", "3"], "3 heads"),
        (2, ["--dataset", "text", "--data-dir", "VERSE", "--steps-per-epoch", "0"], "at least 1"),
        (1, ["--dataset", "text", "--data-dir", "VERSE", "--batch-size", "5000"], "do not fill"),
        (2, ["--dataset", "mnist5k", "--temperature", "-1"], "at least 0"),
        (
            2,
            ["--dataset", "mnist5k", "--context-length", "32"],
            "--context-length has no effect on",
        ),
        (2, ["--data-dir", "VERSE"], "--data-dir has no effect on"),
        (2, ["--positions", "sinusoidal", "--width", "9", "--num-heads", "3"], "must be even"),
    ],
)
def test_wrong_input_is_one_clear_line(code, argv, says, tmp_path, verse, capsys):
    files = {"EMPTY": b"", "ONE": b"x", "LATIN": "caf\xe9 ".encode("latin-1") * 50}
    files["GZIP"] = gzip.compress(b"The cat sat on the mat. " * 50)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    places = {name: str(tmp_path / name) for name in files} | {"VERSE": str(verse)}
    argv = [places.get(word, word) for word in argv]
    assert main([*TINY, "--run-dir", str(tmp_path / "run"), *argv]) == code
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_changed_text_is_not_gone_on_with(tmp_path, verse, capsys):
    folder = tmp_path / "run"
    assert run(folder, verse) == 0
    verse.write_text(VERSE.replace("cat", "dog"), encoding="utf-8")
    assert resume(folder) == 1
    assert "but their content or labels differ; restore the data" in capsys.readouterr().err
    # The same characters, as often, in another order.
    verse.write_text(VERSE[::-1], encoding="utf-8")
    assert resume(folder) == 1
    assert "but their content or labels differ; restore the data" in capsys.readouterr().err
    verse.write_text(VERSE, encoding="utf-8")
    assert resume(folder) == 0


PIXELS = [*TINY, "--preset", "pixels", "--limit", "40", "--batch-size", "8"]


@pytest.mark.slow
def test_pixels_report_the_exact_likelihood_of_what_a_vae_would_see(tmp_path, few_digits, capsys):
    folder = tmp_path / "run"
    assert main([*PIXELS, "--run-dir", str(folder)]) == 0
    printed = capsys.readouterr().out.strip().splitlines()[-1]
    model = keras.saving.load_model(folder / "model.keras")
    _, images = load_images(
        "mnist5k", batch_size=77, seed=5, image_size=14, value_range=(0, 1), binarize=True
    )
    sequences = images.first(images.count).reshape(-1, 196)
    log_p = model.log_likelihood(sequences)
    assert printed.startswith(f"exact log p(x) {log_p.mean():.2f} +- ")
    assert printed.endswith(f"for {len(log_p)} validation images")
    row = history(folder)[-1]
    assert float(row["val_nats_per_image"]) == pytest.approx(-log_p.mean(), rel=1e-4)
    assert float(row["val_loss"]) == pytest.approx(-log_p.mean() / 196, rel=1e-4)


@pytest.mark.slow
def test_pixels_draw_and_complete_digits(tmp_path, few_digits):
    folder = tmp_path / "run"
    assert main([*PIXELS, "--run-dir", str(folder)]) == 0
    names = {path.name for path in (folder / "samples").iterdir()}
    assert {"epoch_0003.png", "completion_0003.png", "progress.gif"} <= names
    model = keras.saving.load_model(folder / "model.keras")
    written = model.generate(np.zeros((36, 0)), 196, seed=0)
    assert set(np.unique(written)) == {0, 1}
    pixels = grid_in(folder / "samples" / "epoch_0003.png", columns=6, rows=6, side=14)
    for index in range(36):
        y, x = index // 6 * 16 + 2, index % 6 * 16 + 2
        np.testing.assert_array_equal(
            pixels[y : y + 14, x : x + 14], written[index].reshape(14, 14) * 255
        )
    # A given half stays as it is.
    pixels = grid_in(folder / "samples" / "completion_0003.png", columns=12, rows=5, side=14)
    rows = [pixels[row * 16 + 2 : row * 16 + 9, 2:-2] for row in range(5)]  # upper halves
    for row in rows[1:]:
        np.testing.assert_array_equal(rows[0], row)


@pytest.mark.low_precision
@pytest.mark.slow
def test_low_precision_trains(tmp_path, verse):
    assert run(tmp_path / "run", verse, "--precision", "mixed_bfloat16") == 0


LETTERS, CONTEXT = "abcdef", 16


def second_order_chain(length, seed=5):
    """A text in which each letter depends on the two before it, and log p of each given those."""
    random = np.random.default_rng(seed)
    table = random.dirichlet(np.full(len(LETTERS), 0.3), (len(LETTERS), len(LETTERS)))
    letters = [0, 1]
    for threshold in random.random(length):
        cumulative = table[letters[-2], letters[-1]].cumsum()
        letters.append(min(int(np.searchsorted(cumulative, threshold)), len(LETTERS) - 1))
    letters = np.array(letters)
    log_p = np.log(table[letters[:-2], letters[1:-1], letters[2:]])
    return "".join(LETTERS[each] for each in letters[2:]), log_p


@pytest.mark.slow
def test_training_reaches_the_entropy_of_a_text_whose_law_is_known(tmp_path):
    """It needs attention to the token before the last; Shakespeare is in benchmark_training.py."""
    text, log_p = second_order_chain(60_000)
    (tmp_path / "chain.txt").write_text(text)
    argv = ["--dataset", "text", "--data-dir", str(tmp_path / "chain.txt"), "--prompt", "a"]
    argv += ["--width", "32", "--num-layers", "2", "--num-heads", "2"]
    argv += ["--context-length", str(CONTEXT)]
    argv += ["--batch-size", "32", "--epochs", "3", "--steps-per-epoch", "150", "--verbose", "0"]
    argv += ["--learning-rate", "0.01", "--sample-length", "9", "--run-dir", str(tmp_path / "run")]
    assert main(argv) == 0
    # The first token that is predicted has only one before it.
    counts = np.zeros((len(LETTERS), len(LETTERS)))
    letters = np.array([LETTERS.index(each) for each in text])
    np.add.at(counts, (letters[:-1], letters[1:]), 1)
    joint = counts / counts.sum()
    first = -np.sum(joint * np.log(joint / joint.sum(axis=1, keepdims=True) + 1e-12))
    entropy = ((CONTEXT - 1) * -log_p[len(text) * 9 // 10 :].mean() + first) / CONTEXT
    assert first > entropy + 0.5  # what a model that looks one token back would reach
    found = float(history(tmp_path / "run")[-1]["val_loss"])
    assert entropy - 0.01 < found < entropy + 0.06  # +0.01 to +0.02 with three seeds
