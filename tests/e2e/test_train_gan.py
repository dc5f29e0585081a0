"""Runs as a user starts them: run folder, resuming bit for bit, TensorBoard, every failure."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    LOOKS,
    assert_same_bits,
    grid_in,
    history,
    newest_manifest,
    raise_signal_at,
)
from PIL import Image, ImageSequence
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genai_keras.callbacks.images import ImageGrid
from genai_keras.errors import UserError
from genai_keras.models.gan import GAN
from genai_keras.runs import load_run
from genai_keras.train_gan import main

SMALL = ["--limit", "64", "--batch-size", "16", "--epochs", "3", "--verbose", "0"]
TINY = {
    "mlp": ["--preset", "mlp", "--generator-widths", "16", "--discriminator-widths", "16"],
    "dcgan": ["--generator-widths", "4", "4", "--discriminator-widths", "4", "4"],
}


pytestmark = pytest.mark.usefixtures("few_digits")


def run(folder, *argv, preset="mlp"):
    return main([*TINY[preset], *SMALL, "--run-dir", str(folder), *argv])


@pytest.fixture
def straight(few_digits, shared_runs):
    """A function of options and a preset: a run of these that nothing stops, made once."""

    def train(*argv, preset="mlp"):
        folder = shared_runs / "-".join(["straight", preset, *argv])
        if not folder.exists():
            assert run(folder, *argv, preset=preset) == 0
        return folder

    return train


@pytest.fixture(scope="module")
def shared_runs(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


def resume(folder, *argv):
    return main(["--run-dir", str(folder), "--resume", *argv])


def scalars(folder, part):
    events = EventAccumulator(str(folder / part), {"tensors": 0}).Reload()
    return {
        tag: [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
    }


METRICS = (
    "generator_loss", "discriminator_loss", "d_real", "d_fake", "accuracy_real", "accuracy_fake",
)  # fmt: skip


def test_a_run_leaves_everything_in_its_folder(tmp_path, capsys):
    folder = tmp_path / "run"
    assert run(folder, "--verbose", "2") == 0
    found = {path.name for path in folder.iterdir()}
    events = {name for name in found if name.startswith("events.out.tfevents.")}
    assert found - events == {
        "config.json", "versions.json", "history.csv", "model.keras", "train", "validation",
        "checkpoints", "samples", "training-images.png",
    }  # fmt: skip
    assert len(events) == 2  # what is known at the start, and what is shown later
    assert json.loads((folder / "config.json").read_text())["batch_size"] == 16
    assert json.loads((folder / "versions.json").read_text())["keras"] == keras.__version__
    rows = history(folder)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    metrics = {*METRICS, *(f"val_{name}" for name in METRICS)}
    assert set(rows[0]) == {"epoch", "diversity", *LOOKS, *metrics}
    names = sorted(path.name for path in (folder / "samples").iterdir())
    assert names == [f"epoch_000{i}.png" for i in range(4)] + ["progress.gif"]
    with Image.open(folder / "samples" / "progress.gif") as animation:
        assert animation.n_frames == 5
        frames = [np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]
    assert np.array_equal(frames[0], frames[-1]), "it does not begin with the last image"
    assert not np.array_equal(frames[1], frames[-1])
    grid = ImageGrid(folder)
    grid.set_model(load_run(folder).model)
    losses = [float(rows[2][name]) for name in ("generator_loss", "discriminator_loss")]
    caption = "generator_loss {:.2f}   discriminator_loss {:.2f}".format(*losses)
    assert grid.captions() == {1: mock.ANY, 2: mock.ANY, 3: caption}
    said = capsys.readouterr().out
    assert str(folder / "model.keras") in said and "tensorboard --logdir" in said


@pytest.mark.slow
def test_the_last_grid_shows_what_the_saved_model_generates(straight):
    folder = straight()
    gan = keras.models.load_model(folder / "model.keras")
    digits = np.round((gan.generate(9, seed=0) + 1) * 127.5)
    pixels = grid_in(folder / "samples" / "epoch_0003.png", columns=3, rows=3, side=28)
    for index in range(9):
        y, x = index // 3 * 30 + 2, index % 3 * 30 + 2
        assert np.abs(pixels[y : y + 28, x : x + 28] - digits[index, ..., 0]).max() <= 1


@pytest.mark.slow
def test_tensorboard_holds_every_scalar_and_the_images(tmp_path):
    folder = tmp_path / "run"
    assert run(folder, "--histograms") == 0
    rows = history(folder)
    for part, prefix in (("train", ""), ("validation", "val_")):
        found = scalars(folder, part)
        for name in METRICS:
            expected = [float(row[prefix + name]) for row in rows]
            group = "curves" if name in GAN.headline else "more curves"
            assert found.pop(f"{group}/{name}") == pytest.approx(expected, rel=1e-5)
        looks = {f"more curves/{name}" for name in LOOKS}
        rest = {"curves/diversity", *looks} if part == "train" else set()
        assert found.keys() == rest, "a curve that history.csv does not have"
    events = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    said = events.Tensors("about this run")[0].tensor_proto.string_val[0].decode()
    assert said.startswith("### How to read this GAN")
    assert [event.step for event in events.Tensors("images/generated")] == [0, 1, 2, 3]
    shown = [event.tensor_proto.string_val for event in events.Tensors("images/generated")]
    assert len(shown) == 4
    width, height, png = shown[-1]
    written = np.asarray(Image.open(folder / "samples" / "epoch_0003.png"))
    assert np.array_equal(tf.io.decode_png(png).numpy(), written)
    assert (int(height), int(width)) == written.shape[:2]
    events = EventAccumulator(str(folder / "train"), {"tensors": 0}).Reload()
    kinds = [events.SummaryMetadata(t).plugin_data.plugin_name for t in events.Tags()["tensors"]]
    weights = keras.models.load_model(folder / "model.keras").weights
    assert kinds.count("histograms") == len(weights) >= 8
    steps = [e.step for tag in events.Tags()["tensors"] for e in events.Tensors(tag)]
    assert set(steps) == {1, 2, 3}, "a step is not an epoch"
    for tag in events.Tags()["tensors"]:
        assert len(events.Tensors(tag)) == 3, "two weights have one name"


@pytest.mark.slow
def test_a_tensorboard_server_answers_for_the_run(tmp_path):
    from tensorboard import program

    assert run(tmp_path / "run", "--epochs", "1") == 0
    server = program.TensorBoard()
    where = str(tmp_path)
    server.configure(
        argv=[None, "--logdir", where, "--port", "0", "--host", "127.0.0.1", "--load_fast=false"]
    )
    url = server.launch()

    def ask(path):
        with urllib.request.urlopen(url + path, timeout=30) as answer:
            return json.load(answer)

    deadline = time.monotonic() + 60
    while not (tags := ask("data/plugin/images/tags")) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert tags == {"run": tags["run"]} and "images/generated" in tags["run"]
    assert set(ask("data/plugin/scalars/tags")) == {"run/train", "run/validation"}
    image = ask("data/plugin/images/images?run=run&tag=images/generated&sample=0")
    assert [each["step"] for each in image] == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
@pytest.mark.parametrize("step", [6, 8], ids=["middle", "last step"])
def test_a_stop_in_an_epoch_loses_nothing(
    number, code, step, tmp_path, straight, monkeypatch, capsys
):
    straight, stopped = straight(), tmp_path / "stopped"
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    raise_signal_at(monkeypatch, number, step)  # of 4 an epoch
    assert run(stopped) == code
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    said = capsys.readouterr().err
    assert f"python -m genai_keras.train_gan --run-dir {stopped} --resume" in said
    assert f"at step {step}" in said
    assert resume(stopped) == 0
    assert_same_bits(straight / "model.keras", stopped / "model.keras")
    # Also the interrupted epoch's row: its metrics are of all of its steps.
    assert history(straight) == history(stopped)


@pytest.mark.slow
def test_out_of_time_ends_well_and_resumes_exactly(tmp_path, straight):
    straight, limited = straight(preset="dcgan"), tmp_path / "limited"
    assert run(limited, "--max-minutes", "1e-6", preset="dcgan") == 0
    assert len(history(limited)) == 1 and (limited / "model.keras").exists()
    assert (limited / "samples" / "progress.gif").exists()
    assert newest_manifest(limited)["step"] == 1
    assert resume(limited) == 0
    assert_same_bits(straight / "model.keras", limited / "model.keras")
    assert history(straight) == history(limited)


@pytest.mark.slow
def test_more_epochs_that_were_asked_for_are_part_of_a_run(tmp_path, straight):
    """Also if there was no time for them at first."""
    longer = tmp_path / "longer"
    assert run(longer, "--epochs", "2") == 0
    assert resume(longer, "--epochs", "3", "--max-minutes", "1e-6", "--verbose", "0") == 0
    assert newest_manifest(longer)["step"] == 9  # of 12
    assert resume(longer) == 0
    assert_same_bits(straight() / "model.keras", longer / "model.keras")
    assert history(straight()) == history(longer)


@pytest.mark.slow
def test_an_existing_run_is_neither_mixed_nor_lost(tmp_path, capsys):
    folder = tmp_path / "run"
    assert run(folder, "--epochs", "1") == 0
    before = (folder / "model.keras").read_bytes()
    (folder / "my notes.txt").write_text("mine")
    assert run(folder) == 1
    assert "--resume or --overwrite" in capsys.readouterr().err
    assert (folder / "model.keras").read_bytes() == before
    assert run(folder, "--overwrite", "--epochs", "2") == 0
    assert len(history(folder)) == 2
    assert (folder / "my notes.txt").read_text() == "mine"
    events = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in events.Tensors("images/generated")] == [0, 1, 2]
    assert len(scalars(folder, "train")["curves/generator_loss"]) == 2, "of the run before"


@pytest.mark.slow
def test_overwrite_spares_data_in_folders_of_the_same_names(tmp_path):
    assert run(tmp_path, "--epochs", "1") == 0
    mine = [tmp_path / name / "cat.png" for name in ("train", "validation")]
    for path in mine:
        path.write_text("a user's")
    assert run(tmp_path, "--epochs", "1", "--overwrite") == 0
    for path in mine:
        assert path.read_text() == "a user's"
        assert len(list(path.parent.glob("events*"))) == 1


def test_overwrite_spares_what_is_no_run(tmp_path, capsys):
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "holiday.png").write_text("mine")
    assert run(tmp_path, "--overwrite") == 1
    assert "not a run" in capsys.readouterr().err
    assert (tmp_path / "samples" / "holiday.png").exists()


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["--dataset", "emnist"], 2, "'emnist' is not one of mnist5k, "),
        (["--dataset", "folder"], 2, "--data-dir"),
        (["--dataset", "folder", "--data-dir", "nowhere"], 1, "nowhere: --data-dir must"),
        (["--limit", "10"], 1, "--batch-size 10 or less"),
        (["--image-size", "30"], 2, "28x28 or 32x32"),
        (["--dataset", "mixture"], 2, "--preset dense-1d"),
        (["--dataset", "mixture", "--network", "dense", "--channels", "3"], 2, "--channels has no"),
        (["--resume"], 1, "no run to resume"),
        (["--run-dir", __file__], 1, "is a file"),
    ],
    ids=["dataset", "folder", "nowhere", "few", "size", "mixture", "unused", "resume", "file"],
)
def test_wrong_input_is_one_clear_line(argv, code, says, tmp_path, capsys):
    folder = tmp_path / "run"
    assert run(folder, *argv, preset="dcgan") == code
    said = capsys.readouterr().err
    assert says in said
    if not said.startswith("usage: "):  # which is argparse's
        assert said.startswith("error: ") and said.count("\n") == 1
    assert not folder.exists()  # a run that never began leaves nothing behind


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(UserError):
        run(tmp_path / "run", "--image-size", "30", "--debug", preset="dcgan")


@pytest.mark.slow
def test_a_run_is_not_resumed_with_other_data(tmp_path, capsys, monkeypatch):
    from genai_keras.data import images

    assert run(tmp_path / "run", "--epochs", "1") == 0
    fewer = images.READERS["mnist5k"]
    monkeypatch.setitem(images.READERS, "mnist5k", lambda _: [part[:60] for part in fewer(None)])
    assert resume(tmp_path / "run") == 1
    assert "64 training" in capsys.readouterr().err


def test_a_image_that_vanishes_while_it_is_streamed_is_named(tmp_path, capsys, monkeypatch):
    from genai_keras.data import folder as folder_module

    (tmp_path / "mine").mkdir()
    for index in range(30):
        pixels = np.random.default_rng(index).integers(0, 256, (16, 16), dtype="uint8")
        Image.fromarray(pixels).save(tmp_path / "mine" / f"{index}.png")
    monkeypatch.setattr(folder_module, "MEMORY", 0)
    begin = ImageGrid.on_train_begin

    def vanish(self, logs=None):
        begin(self, logs)
        for path in (tmp_path / "mine").iterdir():
            path.unlink()

    monkeypatch.setattr(ImageGrid, "on_train_begin", vanish)
    argv = ["--dataset", "folder", "--data-dir", str(tmp_path / "mine"), "--image-size", "16"]
    assert run(tmp_path / "run", *argv) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and ".png" in said and said.count("\n") == 1


@pytest.mark.low_precision
@pytest.mark.slow
def test_low_precision_trains(tmp_path):
    assert run(tmp_path / "run", "--precision", "mixed_bfloat16", preset="dcgan") == 0


@pytest.mark.slow
def test_a_user_can_train_on_a_folder_of_images(tmp_path):
    for index in range(20):
        pixels = np.random.default_rng(index).integers(0, 256, (20, 30, 3), dtype="uint8")
        (tmp_path / "mine").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "mine" / f"{index}.jpg")
    argv = ["--dataset", "folder", "--data-dir", str(tmp_path / "mine"), "--image-size", "16"]
    assert run(tmp_path / "run", *argv, preset="dcgan") == 0
    gan = keras.models.load_model(tmp_path / "run" / "model.keras")
    assert gan.generate(2).shape == (2, 16, 16, 3)


@pytest.mark.slow
def test_python_dash_m():
    """The one test that starts Python anew: the list of commands, and one of them."""
    listed = subprocess.run(
        [sys.executable, "-m", "genai_keras"], check=True, capture_output=True, text=True
    )
    assert "python -m genai_keras.train_gan" in listed.stdout
    command = [sys.executable, "-m", "genai_keras.train_gan", "--run-dir", __file__]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1, "TensorFlow's own notes are kept out of the way"
