"""`generate`: what is written for each kind of run, and what is refused."""

import json
import shutil
import tracemalloc

import numpy as np
import pytest
from helpers import RUNS, grid_in
from PIL import Image

from genai_keras.data.images import to_pixels
from genai_keras.generate import main
from genai_keras.runs import load_run
from genai_keras.tasks import samples
from genai_keras.tasks.base import Task

pytestmark = pytest.mark.slow  # the first test of each kind trains its run


def made(finished, tmp_path, kind, *argv, name="out.npy"):
    """What `generate` writes to a `.npy` file."""
    assert main([str(finished(kind)), "--out", str(tmp_path / name), *argv]) == 0
    return np.load(tmp_path / name)


@pytest.mark.parametrize(
    "kind, shape",
    [
        ("gan", (28, 28, 1)),
        ("conditional-gan", (28, 28, 1)),
        ("vae", (28, 28, 1)),
        ("conditional-vae", (28, 28, 1)),
        ("flow", (28, 28, 1)),
        ("conditional-flow", (28, 28, 1)),
        ("pixels", (8, 8, 1)),
        ("numbers", (1,)),
        ("flow-of-numbers", (1,)),
    ],
)
def test_the_same_seed_gives_the_same_samples(finished, tmp_path, kind, shape):
    first = made(finished, tmp_path, kind, "--count", "7", "--seed", "3")
    assert first.shape == (7, *shape)
    assert first.dtype == ("float32" if shape == (1,) else "uint8")
    assert np.array_equal(first, made(finished, tmp_path, kind, "--count", "7", "--seed", "3"))
    assert not np.array_equal(first, made(finished, tmp_path, kind, "--count", "7", "--seed", "4"))
    assert len(np.unique(made(finished, tmp_path, kind, "--count", "300"), axis=0)) == 300


@pytest.mark.parametrize("kind", ["gan", "vae", "flow"])
def test_a_file_holds_what_the_model_generates(finished, tmp_path, kind):
    run = load_run(finished(kind))
    expected = to_pixels(run.model.generate(300, seed=5), run.model.value_range)
    assert np.array_equal(made(finished, tmp_path, kind, "--count", "300", "--seed", "5"), expected)


@pytest.mark.parametrize(
    "kind, argv, how",
    [
        ("flow", ["--steps", "3"], {"steps": 3}),
        ("flow", ["--solver", "euler"], {"solver": "euler"}),
        ("conditional-flow", ["--guidance", "0.5"], {"guidance": 0.5}),
        ("flow-of-numbers", ["--steps", "2", "--solver", "euler"], {"steps": 2, "solver": "euler"}),
    ],
)
def test_a_flow_is_followed_as_one_asks(finished, tmp_path, kind, argv, how):
    model = load_run(finished(kind)).model
    usual = made(finished, tmp_path, kind, "--count", "20")
    found = made(finished, tmp_path, kind, "--count", "20", *argv)
    expected = model.generate(20, **how)
    if kind != "flow-of-numbers":
        expected = to_pixels(expected, model.value_range)
    assert np.array_equal(found, expected)
    assert not np.array_equal(found, usual)
    if kind == "flow":
        walks = [
            made(finished, tmp_path, kind, "--interpolate", "--count", "1", *more)
            for more in ([], argv)
        ]
        assert not np.array_equal(*walks)


def test_labels_are_made_in_turn(finished, tmp_path):
    run = load_run(finished("conditional-gan"))
    found = made(finished, tmp_path, "conditional-gan", "--count", "5", "--label", "7", "2")
    expected = to_pixels(run.model.generate(5, labels=[7, 2, 7, 2, 7]))
    assert np.array_equal(found, expected)


def test_a_image_is_the_grid_of_the_samples(finished, tmp_path):
    pixels = made(finished, tmp_path, "conditional-gan", "--count", "20")
    assert (
        main([str(finished("conditional-gan")), "--count", "20", "--out", f"{tmp_path}/a.png"]) == 0
    )
    shown = grid_in(tmp_path / "a.png", columns=10, rows=2, side=28)  # a column for each class
    for index in range(20):
        y, x = index // 10 * 30 + 2, index % 10 * 30 + 2
        assert np.array_equal(shown[y : y + 28, x : x + 28], pixels[index, ..., 0])


def test_a_walk_goes_from_one_sample_to_the_next_in_small_steps(finished, tmp_path):
    walks = made(finished, tmp_path, "vae", "--interpolate", "--count", "3").astype(float)
    assert walks.shape == (30, 28, 28, 1)
    for walk in walks.reshape(3, 10, -1):
        steps = np.abs(np.diff(walk, axis=0)).mean(axis=1)
        assert 0 < steps.max() < np.abs(walk[-1] - walk[0]).mean()
    ends = walks.reshape(3, 10, -1)[:, [0, -1]].reshape(6, -1)
    assert len(np.unique(ends, axis=0)) == 6


def test_completions_keep_the_given_half(finished, tmp_path):
    run = load_run(finished("pixels"))
    validation = run.data.source
    given = validation.first(5).reshape(5, 8, 8, 1) * 255
    found = made(finished, tmp_path, "pixels", "--complete", "--count", "5")
    assert np.array_equal(found[:, :4], given[:, :4])
    assert not np.array_equal(found[:, 4:], given[:, 4:])
    assert main([str(run.folder), "--complete", "--count", "5", "--out", f"{tmp_path}/c.png"]) == 0
    drawn = grid_in(tmp_path / "c.png", columns=5, rows=3, side=8)
    assert np.array_equal(drawn[2:10, 2:10], given[0, ..., 0])
    assert np.array_equal(drawn[22:30, 2:10], found[0, ..., 0])


def test_numbers_are_written_as_text_too(finished, tmp_path):
    numbers = made(finished, tmp_path, "numbers", "--count", "50")
    path = tmp_path / "numbers.txt"
    assert main([str(finished("numbers")), "--count", "50", "--out", str(path)]) == 0
    assert np.loadtxt(path) == pytest.approx(numbers[:, 0], rel=1e-5)


def test_text_goes_on_from_the_prompt(finished, tmp_path, capsys):
    folder = str(finished("text"))
    argv = [folder, "--prompt", "The c", "--length", "12", "--count", "2", "--seed", "1"]
    capsys.readouterr()
    assert main(argv) == 0
    said = capsys.readouterr().out
    samples = said.removesuffix("\n").split("\n" + "-" * 20 + "\n")
    assert [len(each) for each in samples] == [17, 17] and samples[0] != samples[1]
    assert all(each.startswith("The c") for each in samples)
    assert main([*argv, "--out", str(tmp_path / "text.txt")]) == 0
    assert (tmp_path / "text.txt").read_text(encoding="utf-8") == said
    coldest = []
    for seed in "12":
        capsys.readouterr()
        assert main([folder, "--length", "12", "--temperature", "0", "--seed", seed]) == 0
        coldest.append(capsys.readouterr().out)
    assert coldest[0] == coldest[1]


def test_each_line_of_a_prompt_is_translated(finished, capsys):
    folder = finished("pairs")
    dates = ["the 3rd of March, 1987", "May 7th 2245"]
    capsys.readouterr()
    assert main([str(folder), "--prompt", "\n".join(dates)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert main([str(folder), "--prompt", dates[1]]) == 0
    assert capsys.readouterr().out.splitlines() == said[1:]


def test_without_a_name_images_lie_in_the_run(finished, tmp_path, capsys):
    folder = shutil.copytree(finished("gan"), tmp_path / "run")
    assert main([str(folder)]) == 0
    assert str(folder / "generated.png") in capsys.readouterr().out
    with Image.open(folder / "generated.png") as grid:
        assert grid.width == grid.height  # 8 x 8


def test_memory_does_not_grow_with_the_number_of_samples(finished, tmp_path):
    tracemalloc.start()
    try:
        shape = made(finished, tmp_path, "gan", "--count", "40000").shape
        loaded = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        assert main([str(finished("gan")), "--out", f"{tmp_path}/x.npy", "--count", "40000"]) == 0
        peak = tracemalloc.get_traced_memory()[1] - loaded
    finally:
        tracemalloc.stop()
    assert np.prod(shape) == 40_000 * 784
    assert peak < 15e6  # bytes, of 31 million that are written


def test_a_failure_leaves_the_former_file(finished, tmp_path, monkeypatch, capsys):
    path = tmp_path / "out.npy"
    path.write_bytes(b"precious")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(samples, "_write_npy", full)
    assert main([str(finished("gan")), "--out", str(path)]) == 1
    assert "No space left" in capsys.readouterr().err
    assert path.read_bytes() == b"precious" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "kind, argv, words",
    [
        ("gan", ["--label", "7"], "needs a --conditional run"),
        ("gan", ["--prompt", "x"], "--prompt has no effect on a run of images"),
        ("gan", ["--temperature", "1"], "--temperature has no effect"),
        ("gan", ["--out", "x.txt"], "x.txt: samples of images can be written to .png or .npy"),
        ("gan", ["--out", "x"], "can be written to .png or .npy"),
        ("gan", ["--out", "nowhere/x.png"], "nowhere is not a folder"),
        ("gan", ["--count", "10001"], "at most 10,000 samples: use a .npy file"),
        ("conditional-gan", ["--label", "10"], "--label 10 is none of the classes, which are 0, 1"),
        ("gan", ["--steps", "3"], "--steps has no effect on a run of images by train_gan"),
        ("flow", ["--guidance", "2"], "--guidance has no effect on a run of images by train_flow"),
        ("flow", ["--top-k", "2"], "--top-k has no effect on a run of images by train_flow"),
        ("numbers", ["--interpolate"], "--interpolate has no effect on a run of numbers"),
        ("text", ["--complete"], "--complete has no effect on a run of text"),
        ("text", ["--prompt", ""], "--prompt is empty"),
        ("text", ["--out", "x.npy"], "can be written to .txt"),
        ("pairs", [], "give a --prompt"),
        ("pairs", ["--prompt", "x" * 100], "too long"),
        ("pairs", ["--top-k", "3"], "--top-k has no effect"),
    ],
    ids=lambda value: " ".join(value)[:24] if isinstance(value, list) else None,
)
def test_what_cannot_be_is_one_clear_line(
    finished, kind, argv, words, tmp_path, capsys, monkeypatch
):
    folder = finished(kind)
    monkeypatch.chdir(tmp_path)
    # Data, not options: a folder that is not there, or a sentence longer than the model reads.
    of_data = words in ("nowhere is not a folder", "too long")
    assert main([str(folder), *argv]) == (1 if of_data else 2)
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_what_is_no_finished_run_is_told_apart(finished, tmp_path, capsys):
    folder = shutil.copytree(finished("gan"), tmp_path / "run")

    def refused(words, path=folder, code=1):
        assert main([str(path)]) == code
        said = capsys.readouterr().err
        assert words in said and len(said.splitlines()) == 1

    refused("the folder does not exist", tmp_path / "none")
    (tmp_path / "empty").mkdir()
    refused("is not a run: it has no config.json", tmp_path / "empty")
    model = (folder / "model.keras").read_bytes()
    (folder / "model.keras").write_bytes(model[:1000])
    refused("model.keras cannot be loaded")
    (folder / "model.keras").unlink()
    command = f"python -m genai_keras.train_gan --run-dir {folder} --resume"
    refused(f"not finished, it has no model.keras: continue with {command}")
    (folder / "model.keras").write_bytes(model)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": 2}))
    refused("from a newer version of genai_keras")
    (folder / "config.json").write_text(json.dumps({**config, "command": "train_moon"}))
    refused("is a run of genai_keras.train_moon", code=2)
    (folder / "config.json").write_text("{")
    refused("cannot be read as a run's config")


def test_there_is_a_small_run_of_every_kind(finished):
    kinds = {load_run(finished(name)).task.name for name in RUNS}
    assert kinds == {each.name for each in Task.__subclasses__()}
