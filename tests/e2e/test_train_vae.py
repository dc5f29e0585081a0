"""`train_vae` as a user starts it: its images, its projector, its figures, and resuming."""

import json
import time
import urllib.parse
import urllib.request

import keras
import numpy as np
import pytest
from helpers import LOOKS, grid_in, history
from PIL import Image
from tensorboard import program

from genai_keras.callbacks.latents import plane, walks
from genai_keras.data.images import load_images
from genai_keras.evaluation.likelihood import importance_weighted_log_likelihood
from genai_keras.train_vae import main

SMALL = ["--limit", "64", "--batch-size", "16", "--epochs", "3", "--verbose", "0"]
SMALL += ["--latent-dim", "4"]
TINY = {
    "mlp": ["--preset", "mlp", "--widths", "16", "8"],
    "conv": ["--widths", "4", "4", "--dense-units", "8"],
}


pytestmark = pytest.mark.usefixtures("few_digits")


def run(folder, *argv, preset="mlp"):
    return main([*TINY[preset], *SMALL, "--run-dir", str(folder), *argv])


def resume(folder, *argv):
    return main(["--run-dir", str(folder), "--resume", *argv])


@pytest.mark.slow
def test_a_run_shows_samples_reconstructions_and_latents(tmp_path):
    folder = tmp_path / "run"
    assert run(folder, "--binarize", preset="conv") == 0
    names = {path.name for path in (folder / "samples").iterdir()}
    frames = {
        f"{stem}_000{i}.png" for stem in ("epoch", "reconstruction", "latent") for i in range(4)
    }
    assert names == frames | {"progress.gif", "reconstruction.gif", "latent.gif"}
    row = history(folder)[-1]
    metrics = {"loss", "elbo", "reconstruction", "kl", "active_units"}
    assert set(row) == {"epoch", "clipped", *LOOKS, *metrics, *(f"val_{name}" for name in metrics)}
    assert float(row["val_loss"]) == pytest.approx(-float(row["val_elbo"]), rel=1e-4)


@pytest.mark.slow
def test_the_first_row_of_reconstructions_is_the_originals(tmp_path):
    assert run(tmp_path / "run", "--no-binarize") == 0
    _, validation = load_images("mnist5k", value_range=(0, 1))
    path = tmp_path / "run" / "samples" / "reconstruction_0003.png"
    pixels = grid_in(path, columns=8, rows=8, side=28)
    vae = keras.models.load_model(tmp_path / "run" / "model.keras")
    first = validation.first(8)
    for row, expected in enumerate((first, vae.reconstruct(first))):
        for column in range(8):
            y, x = row * 30 + 2, column * 30 + 2
            difference = pixels[y : y + 28, x : x + 28] - expected[column, ..., 0] * 255
            assert np.abs(difference).max() <= 1


def test_the_plane_is_even_under_the_prior_and_walks_move_one_latent():
    from scipy import stats

    points = plane(4).reshape(4, 4, 2)
    assert stats.norm.cdf(points[0, :, 0]) == pytest.approx([0.125, 0.375, 0.625, 0.875])
    assert np.all(np.diff(points[:, 0, 1]) < 0)  # upwards, as in a plot
    codes = np.random.default_rng(0).normal(size=(50, 3)) * [0.1, 3.0, 1.0]
    path = walks(codes, latents=2, steps=5).reshape(2, 5, 3)
    assert path[0, :, 1] == pytest.approx([-3, -1.5, 0, 1.5, 3])  # the most used first
    assert path[1, :, 2] == pytest.approx([-3, -1.5, 0, 1.5, 3])
    assert np.all(path[0, :, [0, 2]] == codes[0, [0, 2]][:, None])


@pytest.mark.slow
def test_a_plane_of_latents_is_drawn_when_z_is_two(tmp_path):
    assert run(tmp_path / "run", "--latent-dim", "2") == 0
    vae = keras.models.load_model(tmp_path / "run" / "model.keras")
    path = tmp_path / "run" / "samples" / "latent_0003.png"
    corner = grid_in(path, columns=12, rows=12, side=28)[2:30, 2:30]
    expected = vae.decode(plane(12)[:1])[0, ..., 0] * 255
    assert np.abs(corner - expected).max() <= 1


@pytest.mark.slow
def test_the_estimate_it_prints_is_that_of_the_saved_model(tmp_path, capsys):
    argv = ["--evaluate", "50", "--evaluation-samples", "40"]
    assert run(tmp_path / "run", *argv) == 0
    printed = capsys.readouterr().out.strip().splitlines()[-1]
    assert printed.endswith("nats: 40 importance samples, 50 validation samples")
    vae = keras.models.load_model(tmp_path / "run" / "model.keras")
    _, validation = load_images("mnist5k", batch_size=16, value_range=(0, 1), binarize=True)
    x = validation.first(50)
    assert vae.likelihood.name == "bernoulli"  # without being asked, for digits
    assert set(np.unique(x)) == {0.0, 1.0}
    expected = importance_weighted_log_likelihood(vae, x, samples=40).mean()
    assert float(printed.split()[2]) == pytest.approx(expected, abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("latents", [2, 4])
def test_a_tensorboard_server_shows_the_projection_with_sprites_and_labels(latents, tmp_path):
    argv = ["--epochs", "1", "--no-binarize", "--latent-dim", str(latents)]
    assert run(tmp_path / "run", *argv) == 0
    server = program.TensorBoard()
    where = str(tmp_path / "run")
    server.configure(
        argv=[None, "--logdir", where, "--port", "0", "--host", "127.0.0.1", "--load_fast=false"]
    )
    url = server.launch()

    def ask(path, **query):
        address = f"{url}data/plugin/projector/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.read()

    deadline = time.monotonic() + 60
    while "validation" not in json.loads(ask("runs")) and time.monotonic() < deadline:
        time.sleep(0.5)
    info = json.loads(ask("info", run="validation"))["embeddings"][0]
    assert info["tensorShape"] == [100, max(latents, 3)]
    assert info["sprite"]["singleImageDim"] == [28, 28]
    vae = keras.models.load_model(tmp_path / "run" / "model.keras")
    _, validation = load_images("mnist5k", value_range=(0, 1))
    codes = np.frombuffer(ask("tensor", run="validation", name="codes"), "float32")
    expected = vae.encode(validation.first(100))[0]
    codes = codes.reshape(100, -1)
    assert codes[:, :latents] == pytest.approx(expected, abs=1e-4)
    assert not codes[:, latents:].any()
    labels = ask("metadata", run="validation", name="codes").decode().split()
    assert labels == [str(label) for label in validation.labels]
    (tmp_path / "sprites.png").write_bytes(ask("sprite_image", run="validation", name="codes"))
    sheet = np.asarray(Image.open(tmp_path / "sprites.png"))
    assert sheet.shape == (280, 280)
    second = validation.first(2)[1, ..., 0] * 255
    assert np.abs(sheet[:28, 28:56] - second).max() <= 1


def test_labels_are_those_of_the_digits(data_dir):
    """The 500 validation digits of mnist5k carry the labels that MNIST gives the same pixels."""
    real = np.load(data_dir / "mnist.npz")
    pixels = np.concatenate([real["x_train"], real["x_test"]])
    known = dict(
        zip(
            (each.tobytes() for each in pixels),
            np.concatenate([real["y_train"], real["y_test"]]),
            strict=True,
        )
    )
    _, validation = load_images("mnist5k", value_range=(0, 1))
    ours = np.round(validation.first(100) * 255).astype("uint8")
    assert [known[each.tobytes()] for each in ours] == list(validation.labels[:100])
    _, validation = load_images("mnist", data_dir)
    assert np.array_equal(validation.labels, real["y_test"])


def test_binary_pixels_are_drawn_with_their_own_probability():
    eight = {"limit": 8, "batch_size": 8, "value_range": (0, 1)}
    train, validation = load_images("mnist5k", **eight, binarize=True)
    grey, grey_validation = load_images("mnist5k", **eight)
    steps = 600
    drawn = np.stack(list(train.shuffled().take(steps).as_numpy_iterator()))
    truth = np.stack(list(grey.shuffled().take(steps).as_numpy_iterator()))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    error = (drawn - truth).mean(axis=0)  # each pixel against the grey of the image shown there
    assert np.abs(error).max() < 5 * 0.5 / np.sqrt(steps)
    assert not np.array_equal(drawn[0], drawn[1])
    again = np.stack(list(train.shuffled(5).take(3).as_numpy_iterator()))
    assert np.array_equal(again, drawn[5:8])
    # Validation is drawn once for all, so that epochs and models can be compared.
    assert np.array_equal(validation.first(50), validation.first(50))
    assert np.abs(validation.first(100).mean() - grey_validation.first(100).mean()) < 0.01


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--importance-samples", "2", "--beta", "2"], "use one or the other"),
        (["--importance-samples", "2", "--free-bits", "0.1"], "use one or the other"),
        (["--conditional", "--dataset", "photos"], "photos has none here"),
        (["--dataset", "photos", "--image-size", "600"], "--image-size 600 is too large"),
    ],
    ids=["iwae", "free bits", "labels", "size"],
)
def test_wrong_options_are_one_clear_line(argv, says, tmp_path, capsys):
    assert run(tmp_path / "run", *argv) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and says in said and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.low_precision
@pytest.mark.slow
def test_low_precision_trains_and_a_finished_run_can_be_evaluated(tmp_path, capsys):
    argv = ["--precision", "mixed_bfloat16", "--binarize", "--schedule", "constant"]
    assert run(tmp_path / "run", *argv, preset="conv") == 0
    assert resume(tmp_path / "run", "--evaluate", "20", "--evaluation-samples", "20") == 0
    assert "20 importance samples, 20 validation samples" in capsys.readouterr().out


@pytest.mark.slow
def test_colour_images_have_a_discretized_likelihood(tmp_path):
    argv = ["--dataset", "photos", "--image-size", "32", "--limit", "64", "--epochs", "1"]
    assert run(tmp_path / "run", *argv, preset="conv") == 0
    vae = keras.models.load_model(tmp_path / "run" / "model.keras")
    assert vae.likelihood.name == "logistic"
    assert vae.generate(2).shape == (2, 32, 32, 3)
