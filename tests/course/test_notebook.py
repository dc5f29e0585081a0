"""What notebooks show: progress, sliders, TensorBoard."""

import re
import urllib.request
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from genai_keras.callbacks.density import DensityPlot
from genai_keras.callbacks.epochs import EachEpoch
from genai_keras.course import notebook as shown
from genai_keras.data.toy import GaussianMixture, load_mixture
from genai_keras.models.gan import GAN
from genai_keras.networks.dense import build_dense_discriminator, build_dense_generator


def test_sliders_move_the_image(monkeypatch):
    displayed = []
    monkeypatch.setattr(shown, "display", displayed.append)
    monkeypatch.setattr(shown.plt, "show", lambda: shown.plt.close())
    calls = []

    def draw(z1, z2):
        calls.append((z1, z2))
        return np.full((4, 4, 3), 100 + 20 * z1 + z2, "uint8")

    shown.explore(draw, z1=(-1.0, 3.0), z2=(0.0, 2.0))
    strips = [(z, 1.0) for z in np.linspace(-1, 3, 7)] + [(1.0, z) for z in np.linspace(0, 2, 7)]
    np.testing.assert_allclose(calls, [*strips, (1.0, 1.0)])
    first, second, image = displayed[0].children
    before = image.value
    first.value = 2.0
    assert calls[-1] == (2.0, 1.0) and image.value != before
    second.value = 0.0
    assert calls[-1] == (2.0, 0.0)


@pytest.fixture
def displays(monkeypatch):
    """The displays of a cell, each a list of what it has shown."""
    made = []

    class Display:
        def __init__(self):
            made.append([])
            self.states = made[-1]

        def display(self, state):
            assert not self.states, "displayed twice"
            self.states.append(getattr(state, "data", state))

        def update(self, state):
            assert self.states, "updated before it is displayed"
            self.states.append(getattr(state, "data", state))

    monkeypatch.setattr(shown, "DisplayHandle", Display)
    return made


def fit_numbers(run_dir, progress):
    """The history, weights and samples of a small GAN of numbers, and its `DensityPlot`."""
    keras.utils.set_random_seed(0)
    train, _ = load_mixture(batch_size=64)
    generator = build_dense_generator(3, (1,), (8,), output_activation=None)
    gan = GAN(generator, build_dense_discriminator((1,), (8,)), seed=0)
    gan.compile(*(keras.optimizers.Adam(1e-2) for _ in range(2)))
    histograms = DensityPlot(run_dir, GaussianMixture())
    callbacks = [histograms, shown.Progress(histograms)] if progress else [histograms]
    history = gan.fit(
        train.shuffled(), epochs=2, steps_per_epoch=4, shuffle=False, verbose=0, callbacks=callbacks
    ).history
    return history, gan.get_weights(), gan.generate(5, seed=0), histograms


def test_progress_shows_training_and_does_not_change_it(displays, tmp_path):
    plain = fit_numbers(tmp_path / "plain", progress=False)
    assert displays == []
    history, weights, samples, histograms = fit_numbers(tmp_path / "shown", progress=True)
    assert history == plain[0]
    for ours, theirs in zip([*weights, samples], [*plain[1], plain[2]], strict=True):
        np.testing.assert_array_equal(ours, theirs)

    bars, images = displays
    files = [Image.open(path).convert("RGB") for path in histograms.shown()]
    assert len(files) == 3 and images[0].size[1] <= shown.SAMPLE[1]
    for index, image in enumerate(images):
        shrunk = [np.asarray(file.resize(image.size), float) for file in files]
        distances = [np.abs(each - np.asarray(image.convert("RGB"))).mean() for each in shrunk]
        assert np.argmin(distances) == index and min(distances) < 1
    filled = [bar.count("█") for bar in bars]
    assert filled == sorted(filled) and filled[0] == 0 and filled[-1] == shown.BAR
    assert all(len(re.findall("[█░]", bar)) == shown.BAR for bar in bars)
    figures = "   ".join(
        f"{name} {history[name][-1]:.3f}"
        for name in ("generator_loss", "discriminator_loss", "wasserstein")
    )
    assert re.fullmatch(r"epoch 2/2 █+ [\d.]+ s in all\n" + re.escape(figures), bars[-1])


class Written(EachEpoch):
    def show(self, path, epoch, logs):
        path.write_text(f"as of epoch {epoch}", encoding="utf-8")


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # how Keras finds out
def test_progress_shows_text_and_learns_how_many_steps_an_epoch_has(displays, tmp_path, again):
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    pairs = tf.data.Dataset.from_generator(
        lambda: iter([([[0.0]], [[1.0]])] * 3),
        output_signature=(tf.TensorSpec((1, 1)), tf.TensorSpec((1, 1))),
    )
    written = Written(tmp_path, suffix=".txt")
    if again:  # what an earlier training left is not what this one has learned
        written.samples.mkdir()
        (written.samples / "epoch_0009.txt").write_text("old")
    callbacks = [written, shown.Progress(written)]
    history = network.fit(pairs, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    bars, texts = displays
    assert texts == ["" if again else "as of epoch 0", "as of epoch 1", "as of epoch 2"]
    assert bars[0].startswith("epoch 1/2 ░") and "█" not in bars[0]
    assert bars[-1].startswith("epoch 2/2 " + shown.BAR * "█")
    assert bars[-1].endswith(f"\nloss {history.history['loss'][-1]:.3f}")


@pytest.mark.parametrize("size", [(100, 50), (2_000, 1_000)])
def test_an_image_of_any_size_is_shown(size, tmp_path):
    Image.new("RGB", size).save(tmp_path / "epoch_0001.png")
    sample = shown.Progress(SimpleNamespace(newest=tmp_path / "epoch_0001.png"))._sample()
    assert sample._repr_png_().startswith(b"\x89PNG")
    assert sample.size == (size if size[0] < 800 else shown.SAMPLE)


def test_progress_tells_the_time_left(displays, monkeypatch):
    now = 0.0
    monkeypatch.setattr(shown, "time", SimpleNamespace(monotonic=lambda: now))
    progress = shown.Progress()
    progress.set_params({"epochs": 4, "steps": 10})
    progress.on_train_begin()
    for epoch in range(3):
        progress.on_epoch_begin(epoch)
        for batch in range(10 if epoch < 2 else 5):
            now += 1.0 if now else 9.0  # the first step compiles
            progress.on_train_batch_end(batch)
        now += 3.0  # validation and drawing
    (bars,) = displays
    assert " left" not in bars[1] + bars[2]
    # 15 of 40 steps of one second are left, and two ends of epochs.
    assert bars[-1] == f"epoch 3/4 {20 * '█'}{12 * '░'} 21 s left"


def test_tensorboard_is_served_to_the_page(monkeypatch, tmp_path):
    displayed = []
    monkeypatch.setattr(shown, "display", displayed.append)
    shown.show_tensorboard(tmp_path)
    (port,) = set(re.findall(r"proxy/(\d+)/", displayed[0].data))
    with urllib.request.urlopen(f"http://localhost:{port}/") as page:
        assert b"TensorBoard" in page.read()


def test_a_new_run_is_empty_and_spares_others(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (shown.new_run("one") / "events").write_text("x")
    (shown.new_run("two") / "events").write_text("x")
    assert not list(shown.new_run("one").iterdir())
    assert (tmp_path / "runs/two/events").exists()
