"""`train_flow` as a user starts it: what it leaves, its paths, numbers, labels, and resuming."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from children import finish
from helpers import (
    LOOKS,
    UNET,
    assert_same_bits,
    grid_in,
    history,
    newest_manifest,
)
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genai_keras.callbacks.flow import STEPS
from genai_keras.data.toy import GaussianMixture
from genai_keras.runs import load_run
from genai_keras.sampling.noise import noise_block
from genai_keras.train_flow import main

MIXTURE = GaussianMixture()
# Wasserstein-1 of `line` after 4 short epochs: 0.04 to 0.13 with seeds 0 to 4, with oneDNN and
# without, and 0.67 to 0.69 after the first. models/test_flow.py trains for longer.
DISTANCE = 0.25

DIGITS = ["--conditional", "--binarize", "--epochs", "2", "--verbose", "0"]


def run(folder, *argv):
    return main([*UNET, "--epochs", "2", "--verbose", "0", "--run-dir", str(folder), *argv])


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of conditional, black and white digits that nothing stops.

    Its process is its own, as is that of the run which is stopped: TensorFlow sums the gradients of
    a layer that many others use in the order of the names of these, which are new ones each time.
    """
    folder = tmp_path_factory.mktemp("straight") / "run"
    assert finish("train_flow", [*UNET, *DIGITS, "--run-dir", str(folder)]) == 0
    return folder


def cells(path, columns, rows):
    """The images of a grid in a file, `(rows, columns, 28, 28)`."""
    pixels = grid_in(path, columns, rows, 28)
    places = [[(2 + 30 * y, 2 + 30 * x) for x in range(columns)] for y in range(rows)]
    return np.array([[pixels[y : y + 28, x : x + 28] for y, x in row] for row in places])


def as_pixels(images):
    return 127.5 * (images[..., 0].clip(-1, 1) + 1)


@pytest.mark.slow
def test_a_run_shows_samples_their_paths_and_how_many_steps_they_need(straight):
    names = {path.name for path in (straight / "samples").iterdir()}
    frames = {f"{stem}_000{i}.png" for stem in ("epoch", "path", "steps") for i in range(3)}
    assert names == frames | {"progress.gif", "path.gif", "steps.gif"}
    rows = history(straight)
    assert [set(row) for row in rows] == [{"epoch", "loss", "val_loss", "diversity", *LOOKS}] * 2
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    events = EventAccumulator(str(straight), {"tensors": 0}).Reload()
    for name in ("generated", "from noise to samples", "few steps and many"):
        assert [event.step for event in events.Tensors(f"images/{name}")] == [0, 1, 2]
    said = events.Tensors("about this run")[0].tensor_proto.string_val[0].decode()
    assert said.startswith("### How to read this flow")


@pytest.mark.slow
def test_the_images_are_what_the_saved_model_makes(straight):
    flow = keras.models.load_model(straight / "model.keras")
    noise = noise_block(0, 0, 784).numpy()
    paths = cells(straight / "samples" / "path_0002.png", columns=9, rows=6)
    first = as_pixels(noise[:6].reshape(6, 28, 28, 1))
    assert np.abs(paths[:, 0] - first).max() <= 1
    # Two steps, rounded up to one for each of eight sections; a path is not rounded to levels.
    flow.levels = None
    last = as_pixels(flow.decode(noise[:6], np.arange(6), steps=8))
    assert np.abs(paths[:, -1] - last).max() <= 1
    flow = keras.models.load_model(straight / "model.keras")
    steps = cells(straight / "samples" / "steps_0002.png", columns=10, rows=len(STEPS))
    for row, count in zip(steps, STEPS, strict=True):
        expected = as_pixels(flow.generate(10, seed=0, steps=count))
        assert np.mean(np.abs(row - expected) > 1) < 0.01  # a pixel may be between both levels
    assert np.mean(np.abs(steps[0] - steps[-1]) > 1) > 0.01


@pytest.mark.slow
def test_a_conditional_run_of_black_and_white_digits_is_what_it_says(straight):
    run = load_run(straight)
    flow = run.model
    assert (flow.classes, flow.levels, flow.label_dropout) == (10, 2, 0.1)
    assert set(np.unique(flow.generate(20))) == {-1.0, 1.0}
    images, labels = next(run.data.train.shuffled().as_numpy_iterator())
    assert set(np.unique(images)) == {-1.0, 1.0}
    assert labels.shape == (16, 10)
    # The network begins with the mean and deviation of what it learns.
    (layer,) = (each for each in flow.network.layers if each.name == "gaussian_velocity")
    numbers = run.data.train.first(1_000)
    assert (layer.mean, layer.deviation) == pytest.approx((numbers.mean(), numbers.std()), abs=0.1)


@pytest.mark.slow
def test_a_process_that_has_made_no_flow_loads_one(straight):
    """Its layers are the package's own, so Keras must find them."""
    model = f"genai_keras.load_model({str(straight / 'model.keras')!r})"
    code = f"import genai_keras; print({model}.steps)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "2\n", done.stderr[-500:]


@pytest.mark.slow
def test_a_stop_loses_nothing(straight, tmp_path):
    stopped = tmp_path / "stopped"
    argv = [*UNET, *DIGITS, "--run-dir", str(stopped), "--max-minutes", "1e-6"]
    assert finish("train_flow", argv) == 0
    assert newest_manifest(stopped)["step"] == 1  # of 4 an epoch
    assert finish("train_flow", ["--run-dir", str(stopped), "--resume", "--verbose", "0"]) == 0
    assert_same_bits(straight / "model.keras", stopped / "model.keras")
    assert history(straight) == history(stopped)
    for path in (straight / "samples").glob("*.png"):
        assert path.read_bytes() == (stopped / "samples" / path.name).read_bytes()


@pytest.mark.slow
def test_the_line_learns_the_mixture_and_draws_the_paths_of_numbers(tmp_path):
    folder = tmp_path / "run"
    argv = ["--preset", "line", "--epochs", "4", "--limit", "40000", "--verbose", "0"]
    assert main([*argv, "--run-dir", str(folder)]) == 0
    rows = history(folder)
    distances = [float(row["wasserstein"]) for row in rows]
    assert distances[-1] < DISTANCE < distances[0] / 2
    assert set(rows[0]) == {"epoch", "loss", "val_loss", "diversity", "wasserstein"}
    flow = load_run(folder).model
    drawn = MIXTURE.wasserstein(flow.generate(5_000, seed=0))
    assert distances[-1] == pytest.approx(drawn, abs=1e-4)
    assert (flow.levels, flow.steps, flow.sample_shape) == (None, 20, (1,))
    names = {path.name for path in (folder / "samples").iterdir()}
    frames = {f"{stem}_000{i}.png" for stem in ("epoch", "path") for i in range(5)}
    assert names == frames | {"progress.gif", "path.gif"}
    with Image.open(folder / "samples" / "path_0004.png") as image:
        assert image.size == (640, 480)


@pytest.mark.slow
def test_how_samples_are_made_may_change_when_a_run_goes_on(tmp_path):
    folder = tmp_path / "run"
    argv = ["--network", "dense", "--widths", "8", "--epochs", "1", "--schedule", "constant"]
    assert run(folder, *argv) == 0
    assert load_run(folder).model.steps == 2
    changes = ["--steps", "3", "--solver", "euler", "--epochs", "2"]
    assert main(["--run-dir", str(folder), "--resume", "--verbose", "0", *changes]) == 0
    config = json.loads((folder / "config.json").read_text())
    assert (config["steps"], config["solver"]) == (3, "euler")
    model = load_run(folder).model
    assert (model.steps, model.solver) == (3, "euler")


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["--guidance", "2"], 2, "--guidance has no effect on a run that is not --conditional"),
        (["--label-dropout", "0.5"], 2, "--label-dropout has no effect on a run that is not --con"),
        (["--dataset", "mixture"], 2, "a unet generates images, but mixture has none: use --pres"),
        (["--preset", "line", "--network", "unet"], 2, "use --preset line"),
        (["--preset", "line", "--binarize"], 2, "--binarize has no effect on --dataset mixture"),
        (["--preset", "line", "--conditional"], 2, "--conditional has no effect on --dataset"),
        (["--time-width", "9"], 2, "--time-width must be even"),
        (["--image-size", "30"], 2, "28x28 or 32x32"),
        (["--steps", "0"], 2, "--steps"),
        (["--solver", "rk4"], 2, "--solver"),
        (["--guidance", "-1"], 2, "--guidance"),
        (["--label-dropout", "1.5"], 2, "--label-dropout"),
        (["--latent-dim", "4"], 2, "--latent-dim"),
        (["--limit", "10"], 1, "--batch-size 10 or less"),
        (["--resume"], 1, "no run to resume"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_clear_line(argv, code, says, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(["--verbose", "0", "--run-dir", str(folder), *argv]) == code
    said = capsys.readouterr().err
    assert says in said
    if not said.startswith("usage: "):  # which is argparse's
        assert said.startswith("error: ") and said.count("\n") == 1
    assert not folder.exists()  # a run that never began leaves nothing behind


def test_a_dry_run_shows_the_digits_and_builds_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("genai_keras.networks.flow.build_flow_network", None)
    assert run(tmp_path / "run", "--dry-run", "--binarize") == 0
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["training-images.png"]
    assert "training-images.png shows what a model would see" in capsys.readouterr().out


def test_help_is_short(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 100 and max(map(len, lines)) <= 80


@pytest.mark.slow
def test_images_without_contrast_do_no_harm(tmp_path):
    """The network begins with the deviation of the pixels, by which it divides at time 1."""
    path = tmp_path / "black.npz"
    np.savez(path, x_train=np.zeros((32, 8, 8), "uint8"), x_test=np.zeros((8, 8, 8), "uint8"))
    argv = ["--dataset", "npz", "--data-dir", str(path), "--network", "dense"]
    assert run(tmp_path / "run", *argv) == 0
    assert np.isfinite(load_run(tmp_path / "run").model.generate(4)).all()
