"""The training doctor: it says what is wrong, once, and nothing of a healthy run."""

import re
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from helpers import (
    DENSE,
    DIGITS,
    LOOKS,
    MAINS,
    OF_IMAGES,
    RUNS,
    TRAINING,
    UNET,
    assert_same_bits,
    history,
    make_gan,
    raise_signal_at,
    random_images,
    write_data,
)
from PIL import Image
from scipy.signal import lfilter
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genai_keras import train_gan, train_lm, train_vae
from genai_keras.callbacks import doctor, symptoms
from genai_keras.callbacks.doctor import TrainingDoctor, clipped
from genai_keras.callbacks.epochs import read_history
from genai_keras.callbacks.looks import diversity, outside, roughness
from genai_keras.data.images import load_images
from genai_keras.data.toy import GaussianMixture, load_mixture

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def gan(real, fake):
    return {"accuracy_real": real, "accuracy_fake": fake}


def diverse(*values):
    return [{"diversity": value} for value in values]


def validated(*pairs):
    """Epochs of a training and a validation loss each."""
    return [{"loss": train, "val_loss": validation} for train, validation in pairs]


def unused(units, kl=0.01):
    return {"val_active_units": units, "val_kl": kl}


def rough(*values):
    return [{"roughness": value} for value in values]


def unlike(*values, name="border_outside"):
    return [{**dict.fromkeys(symptoms.OUTSIDE, 0.0), name: value} for value in values]


noise = symptoms.noise(0.4, "x")  # of real images; three quarters of the way is 1.6
unlike_real = symptoms.unlike_real("x")
rising = symptoms.rising_validation("loss")
OVERFITTED = validated((5, 4), (4, 3), (3, 3.1), (2, 3.2), (1, 3.3))
LEARNT = validated((0.3, 0.3), (0.02, 0.001), (0.004, 0.004), (0.003, 0.003), (0.002, 0.002))


@pytest.mark.parametrize(
    ("look", "epochs", "says"),
    [
        (symptoms.saturated_discriminator, [gan(1.0, 0.995)] * 2, "100% of real and 100%"),
        (symptoms.saturated_discriminator, [gan(1.0, 0.995)], None),
        (symptoms.saturated_discriminator, [gan(1.0, 0.99)] * 3, None),
        (symptoms.saturated_discriminator, [gan(0.9, 1.0)] * 3, None),
        (symptoms.falling_diversity, diverse(0.4, 0.9, 0.44), "fallen from 0.90 to 0.44"),
        (symptoms.falling_diversity, diverse(0.4, 0.9, 0.46), None),
        (symptoms.falling_diversity, diverse(1.9, 0.6), None),  # more than the data's is no merit
        (symptoms.falling_diversity, diverse(1.9, 0.4), "fallen from 1.00 to 0.40"),
        (symptoms.falling_diversity, diverse(0.1, 0.1), None),  # it has only begun
        (symptoms.falling_diversity, diverse(0.1, 0.1, 0.1), "is 0.10"),
        (symptoms.falling_diversity, diverse(0.1, 0.3, 0.4), None),
        (symptoms.falling_diversity, [{}], None),
        (noise, rough(1.9, 1.7, 1.61), "roughness is 1.61, that of real images 0.40"),
        (noise, rough(1.9, 1.9), None),  # it has only begun
        (noise, rough(1.9, 1.9, 1.59), None),
        (noise, rough(1.9, 1.59, 1.9, 1.9), None),
        (noise, [{}] * 3, None),
        (symptoms.noise(1.01, "x"), rough(2.0, 2.0, 2.0), None),  # the data are rough, too
        (symptoms.noise(0.99, "x"), rough(2.0, 2.0, 2.0), "look like noise"),
        (unlike_real, unlike(0.11, 0.5, 0.25), "25% have a brighter or darker border than any"),
        (unlike_real, unlike(0.5, 0.5, 0.2, name="contrast_outside"), "20% have more or less cont"),
        (unlike_real, unlike(0.3, 0.3, 0.3, name="brightness_outside"), "30% are brighter or dark"),
        (unlike_real, unlike(0.3, 0.3, 0.1), None),
        (unlike_real, unlike(0.3, 0.3), None),
        (unlike_real, [*unlike(0.3, 0.3), *unlike(0.3, name="contrast_outside")], None),
        (unlike_real, [{}] * 3, None),
        (symptoms.collapsed_latents(), [unused(0)] * 2, "KL 0.01 nats"),
        (symptoms.collapsed_latents(), [unused(3, kl=0.09)] * 2, "KL 0.09 nats"),
        (symptoms.collapsed_latents(), [unused(3, kl=0.11)] * 2, None),
        (symptoms.collapsed_latents(), [unused(0), unused(1, kl=3.0)], None),
        (symptoms.collapsed_latents(), [unused(0)], None),
        (symptoms.collapsed_latents(1.5), [unused(0)] * 3, None),
        (symptoms.collapsed_latents(1.5), [unused(0)] * 4, "collapsed"),
        (symptoms.clipped_log_variance, [{"clipped": 0.02}], "2% are clipped"),
        (symptoms.clipped_log_variance, [{"clipped": 0.01}], None),
        (symptoms.clipped_log_variance, [{}], None),
        (rising, OVERFITTED, "best after epoch 2 (3) and is now 3.3"),
        (rising, OVERFITTED[:4], None),  # two epochs may be chance
        (rising, validated((5, 4), (1, 3), (3, 3.1), (2, 3.2), (2, 3.3)), None),  # all gets worse
        (rising, validated((5, 4), (4, 3), (3, 3.02), (2, 3.02), (1, 3.02)), None),
        (rising, validated((5, 5), (4, 4), (3, 3), (2, 2), (1, 1)), None),
        (rising, LEARNT, None),  # three times its best, and next to nothing
        (rising, [{"loss": 6}, *OVERFITTED], "after epoch 2 (3)"),  # not validated: it is left out
        (rising, [{"epoch": i + 7, **each} for i, each in enumerate(OVERFITTED)], "after epoch 9"),
        (symptoms.rising_validation("elbo", sign=-1),
         [{"elbo": -t, "val_elbo": -v} for t, v in ((5, 4), (4, 3), (3, 4), (2, 4), (1, 4))],
         "best after epoch 2 (-3)"),
    ],
)  # fmt: skip
def test_a_symptom_is_seen_from_its_threshold_on(look, epochs, says):
    said = look(epochs)
    assert (said is None) if says is None else (says in said)


@pytest.mark.parametrize(
    ("nats", "vocabulary", "says"),
    [
        (4.62, 104, None),
        (0.56, 2, None),
        (9.0, 104, "The first loss is 9.00 nats, but an untrained model of 104 tokens"),
        (1.07, 2, "log 2 = 0.69"),  # pixels, with ten times the embeddings
        (0.01, 104, "log 104 = 4.64"),
    ],
)
def test_a_first_loss_should_be_about_log_v(nats, vocabulary, says):
    said = symptoms.surprising_first_loss(nats, vocabulary)
    assert (said is None) if says is None else (says in said)


@pytest.mark.parametrize("narrow", ["neighbours", "all"])
def test_diversity_is_the_smaller_of_two_ratios_of_distances_found_one_by_one(narrow):
    samples, real = random_images(12), random_images(12, seed=1)
    if narrow == "neighbours":  # the same few over and over
        samples[6:] = samples[:6] + 0.01
    else:  # one of two places
        real[:6] += 2.0

    def distances(images):
        found = [
            [np.linalg.norm(a - b) for j, b in enumerate(images) if j != i]
            for i, a in enumerate(images)
        ]
        return np.mean([min(row) for row in found]), np.mean(found)

    ratios = np.divide(distances(samples), distances(real))
    assert np.argmin(ratios) == ["neighbours", "all"].index(narrow)
    assert diversity(samples, real) == pytest.approx(ratios.min(), rel=1e-5)


@pytest.mark.parametrize("modes", [1, 2, 3, 10])
def test_few_modes_have_no_diversity_and_other_real_digits_have_about_one(modes):
    train, validation = load_images("mnist5k")
    real, others = validation.first(100), train.first(100)
    assert diversity(others, real) == pytest.approx(1.0, abs=0.1)
    assert diversity(np.resize(others[:modes], others.shape), real) == pytest.approx(0.0, abs=1e-6)
    # Not exactly equal, as those of a generator.
    noise = np.random.default_rng(0).normal(0.0, 0.05, others.shape)
    assert diversity(np.resize(others[:modes], others.shape) + noise, real) < symptoms.NARROW * 1.5


@pytest.mark.parametrize("seed", range(5))
def test_a_mode_of_the_mixture_that_is_left_out_is_half_of_its_diversity(seed):
    _, validation = load_mixture(512)
    real = validation.first(doctor.COMPARED)
    random = np.random.default_rng(seed)
    assert diversity(GaussianMixture().sample(len(real), seed=seed + 10), real) > 0.8
    for mean, deviation in ((-2.0, 0.5), (2.0, 0.8)):
        assert diversity(random.normal(mean, deviation, real.shape), real) < 0.45
    two_points = random.choice([-2.0, 2.0], real.shape) + random.normal(0.0, 0.05, real.shape)
    assert diversity(two_points, real) < symptoms.NARROW


@pytest.mark.parametrize(("count", "names"), [(9, set()), (10, {"diversity"})])
def test_diversity_needs_ten_validation_samples(count, names, tmp_path):
    few = SimpleNamespace(first=lambda n: random_images(count), element_shape=(8, 8, 1))
    callback = doctor.gan_doctor(tmp_path, few, verbose=0)
    assert set(callback.measure(make_gan())) == names


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (100, 100.5)])
@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 40, 3)])
def test_white_noise_has_roughness_2_in_any_range(low, high, shape):
    random = np.random.default_rng(0)
    images = random.uniform(low, high, (200, *shape))
    assert roughness(images) == pytest.approx(2.0, abs=0.03)
    brightness = random.uniform(-5, 5, (200, 1, 1, shape[-1]))
    assert roughness(images + brightness) == pytest.approx(roughness(images))


@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
def test_neighbours_of_correlation_r_have_roughness_2_times_1_minus_r(r):
    """Noise that is filtered along both axes: the correlation falls by r with each pixel."""
    images = np.random.default_rng(0).normal(size=(20, 300, 300, 1))
    for axis in (1, 2):
        images = lfilter([1.0], [1.0, -r], images, axis=axis)[:, 40:, 40:]
    assert roughness(images) == pytest.approx(2 * (1 - r), abs=0.02)


def test_the_roughness_of_a_ramp_and_of_flat_images():
    width = 10
    ramp = np.broadcast_to(np.arange(width)[None, None, :, None], (3, width, width, 1))
    # Neighbours differ by 1 in one of two directions; the integers have variance (w^2 - 1) / 12.
    variance = (width**2 - 1) / 12 * width**2 / (width**2 - 1)
    assert roughness(ramp) == pytest.approx(0.5 / variance)
    assert roughness(np.full((3, 8, 8, 1), 0.3, "float32")) == 0.0


def test_images_outside_of_the_real_ones_are_counted_one_by_one():
    random = np.random.default_rng(0)
    real = random.uniform(0.4, 0.6, (60, 6, 7, 3))
    samples = real * random.uniform(0, 1.8, (60, 1, 1, 1))
    samples[:10, 1:-1, 1:-1] = random.integers(0, 2, (10, 4, 5, 3))  # of much contrast
    samples[10:25, 1:-1, 1:-1] = 0.5  # their border alone is darker or brighter
    for index, edge in enumerate((np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])):
        samples[25 + index] = 0.5
        samples[25 + index][edge] = 1.5

    def looks(image):
        edge = [image[y, x] for y in range(6) for x in range(7) if y in (0, 5) or x in (0, 6)]
        return np.mean(image), np.mean(edge), np.std(image)

    expected = []
    for which in range(3):
        low, high = (f(looks(image)[which] for image in real) for f in (min, max))
        margin = (0.2, 0.2, 0.1)[which]
        beyond = [not low - margin <= looks(image)[which] <= high + margin for image in samples]
        expected.append(np.mean(beyond))
    assert list(outside(samples, real).values()) == pytest.approx(expected)
    assert len(set(expected)) == 3 and min(expected) > 0


def test_a_quarter_on_white_is_a_quarter_outside_and_other_real_digits_are_inside():
    train, validation = load_images("mnist5k", value_range=(0, 1))
    real, others = validation.first(doctor.COMPARED), train.first(100)
    assert set(outside(others, real).values()) == {0.0}
    others[::4] = 1 - others[::4]
    found = outside(others, real)
    assert found == {"brightness_outside": 0.25, "border_outside": 0.25, "contrast_outside": 0.0}
    others[::2] = 0.5  # blank
    assert outside(others, real)["contrast_outside"] == 0.5


@pytest.mark.parametrize(("count", "shape", "names"), [
    (doctor.FEW - 1, (8, 8, 1), set()),
    (doctor.FEW, (8, 8, 1), LOOKS),
    (doctor.COMPARED, (1,), set()),
])  # fmt: skip
def test_looks_need_images_and_enough_of_them(count, shape, names, tmp_path):
    data = SimpleNamespace(first=lambda n: random_images(count, shape), element_shape=shape)
    callback = doctor.gan_doctor(tmp_path, data, verbose=0)
    model = SimpleNamespace(generate=lambda n, seed: random_images(n, shape), value_range=(-1, 1))
    found = callback.measure(model)
    assert set(found) == names | {"diversity"}
    assert len(callback.findings) == (4 if names else 2)
    # The data are noise, so nothing is said of noise.
    assert not any(look([found] * 3) for look, _ in callback.findings)


def test_the_share_of_clipped_log_variances():
    values = np.array([[-14.0, -15.0, 0.0, 1.0], [14.0, 13.9, -13.9, 3.0]])
    assert clipped(values, -14.0, 14.0) == 3 / 8


COLLAPSING = ["--preset", "dense", "--widths", "8", "--free-bits", "0", "--beta", "1000"]


def said_by(capsys):
    out = " ".join(capsys.readouterr().out.split())  # without its line breaks
    return re.findall(r"doctor: (.*?) See (notebooks/\S+)", out)


def play(tmp_path, epochs, findings, capsys):
    """What a doctor says of each of the epochs, as 1 or 0."""
    callback = TrainingDoctor(tmp_path, findings)
    callback.set_model(None)
    callback.on_train_begin()
    spoken = []
    for number, epoch in enumerate(epochs):
        callback.on_epoch_end(number, dict(epoch))
        spoken.append(len(said_by(capsys)))
    callback.on_train_end()
    return spoken


SICK, WELL = gan(1.0, 1.0), gan(0.7, 0.7)
FINDINGS = [(symptoms.saturated_discriminator, "chapter2_gan")]


def test_a_symptom_is_said_once_and_again_when_it_comes_back(tmp_path, capsys):
    epochs = [SICK, SICK, SICK, WELL, SICK, SICK]
    assert play(tmp_path, epochs, FINDINGS, capsys) == [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("past", range(7))
def test_a_run_that_goes_on_says_what_the_straight_one_would(past, tmp_path, capsys):
    epochs = [SICK, SICK, SICK, WELL, SICK, SICK]
    rows = [f"{i},{each['accuracy_real']},{each['accuracy_fake']}" for i, each in enumerate(epochs)]
    header = "epoch,accuracy_real,accuracy_fake"
    (tmp_path / "history.csv").write_text("\n".join([header, *rows[:past]]) + "\n")
    straight = [0, 1, 0, 0, 0, 1]
    assert play(tmp_path, epochs[past:], FINDINGS, capsys) == straight[past:]


@pytest.mark.parametrize(
    ("text", "epochs"),
    [
        ("", []),
        ("epoch,loss\n", []),
        ("epoch,loss,val_loss\n0,1.5,\n", [{"epoch": 0, "loss": 1.5}]),
        # A run that an older version began has rows with more columns than its header.
        ("epoch,loss\n0,1.5\n1,0.9,1.2\n2\n", [{"epoch": 0, "loss": 1.5}]),
    ],
)
def test_a_history_may_be_empty_or_lack_columns(text, epochs, tmp_path):
    assert read_history(tmp_path / "history.csv") == []
    (tmp_path / "history.csv").write_text(text)
    assert read_history(tmp_path / "history.csv") == epochs


def test_every_link_is_of_a_notebook_that_is_there():
    source = "".join(Path(module.__file__).read_text() for module in (doctor, symptoms))
    names = set(re.findall(r'"(chapter\d_\w+)"', source))
    assert len(names) >= 3
    for name in names:
        text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
        assert "training doctor" in text


def texts(folder):
    """What TensorBoard shows under Text, by step."""
    events = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    if "doctor" not in events.Tags()["tensors"]:
        return []
    return [
        (event.step, event.tensor_proto.string_val[0].decode())
        for event in events.Tensors("doctor")
    ]


def sick(main, argv, tmp_path, capsys, says, notebook):
    """Asserts that a run is told its symptom on the terminal and on TensorBoard."""
    folder = tmp_path / "run"
    assert main([*argv, "--verbose", "2", "--run-dir", str(folder)]) == 0
    found = [(said, link) for said, link in said_by(capsys) if says in said]
    assert len(found) == 1
    said, link = found[0]
    assert link == f"notebooks/{notebook}.ipynb"
    assert any(text == f"{said} See {link}" for _, text in texts(folder))
    return folder


@pytest.mark.slow
def test_a_saturated_discriminator_is_told(tmp_path, capsys):
    argv = [*DIGITS, *DENSE, "--epochs", "8", "--discriminator-learning-rate", "0.05"]
    argv += ["--learning-rate", "1e-6", "--limit", "256"]
    sick(train_gan.main, argv, tmp_path, capsys, "is saturated", "chapter2_gan")


@pytest.mark.slow
def test_a_mode_collapse_is_told(tmp_path, capsys, monkeypatch):
    from genai_keras.models.gan import GAN

    generate = GAN.generate

    def collapsing(self, count, *how, **named):
        samples = generate(self, count, *how, **named)
        collapsed = int(self.generator_optimizer.iterations) > 8
        return np.resize(samples[:2], samples.shape) if collapsed else samples

    monkeypatch.setattr(GAN, "generate", collapsing)
    argv = [*DIGITS, *DENSE, "--epochs", "3"]
    folder = sick(train_gan.main, argv, tmp_path, capsys, "mode collapse", "chapter2_gan")
    values = [float(row["diversity"]) for row in history(folder)]
    assert values[0] > 0.05 and values[2] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.slow
def test_noise_is_told(tmp_path, capsys):
    argv = [*DIGITS, *DENSE, "--epochs", "3", "--learning-rate", "1e-6"]  # it learns nothing
    folder = sick(train_gan.main, argv, tmp_path, capsys, "look like noise", "chapter2_gan")
    assert all(1.9 < float(row["roughness"]) < 2.1 for row in history(folder))


@pytest.mark.slow
def test_digits_on_white_are_told(tmp_path, capsys):
    argv = ["--preset", "dense", "--batch-size", "32", "--epochs", "3"]
    folder = sick(train_vae.main, argv, tmp_path, capsys, "border than any", "chapter4_vae")
    assert float(history(folder)[-1]["border_outside"]) > 0.5


VAE = [*DIGITS, "--preset", "dense", "--widths", "8"]


@pytest.mark.slow
def test_collapsed_latents_are_told(tmp_path, capsys):
    argv = [*VAE, "--epochs", "3", "--beta", "1000", "--learning-rate", "0.003", "--limit", "512"]
    sick(train_vae.main, argv, tmp_path, capsys, "collapsed", "chapter4_vae")


@pytest.mark.slow
def test_log_variances_at_their_clip_are_told(tmp_path, capsys, monkeypatch):
    from genai_keras.networks import dense

    build = dense.build_dense_encoder

    def wild(*arguments, **keywords):
        encoder = build(*arguments, **keywords)
        encoder.layers[-1].bias.assign(np.full(encoder.layers[-1].bias.shape, -20.0))
        return encoder

    monkeypatch.setattr(dense, "build_dense_encoder", wild)
    argv = [*VAE, "--epochs", "1"]
    folder = sick(train_vae.main, argv, tmp_path, capsys, "are clipped", "chapter4_vae")
    assert 0.9 < float(history(folder)[0]["clipped"]) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train_lm", "train_seq2seq"])
def test_a_first_loss_far_from_log_v_is_told(command, tmp_path, capsys, monkeypatch):
    from genai_keras.networks.transformer import TransformerDecoder

    monkeypatch.setattr(TransformerDecoder, "first_gain", 100.0)
    argv = [*TRAINING[command], *write_data(command, tmp_path), "--epochs", "1"]
    sick(MAINS[command], argv, tmp_path, capsys, "The first loss is", "chapter6_writing")


@pytest.mark.slow
def test_overfitting_is_told(tmp_path, capsys):
    letters = np.random.default_rng(0).choice(list("abcdefgh"), 400)
    (tmp_path / "noise.txt").write_text("".join(letters))
    argv = ["--dataset", "text", "--data-dir", str(tmp_path / "noise.txt"), "--context-length", "8"]
    argv += ["--width", "64", "--num-layers", "1", "--num-heads", "2", "--batch-size", "32"]
    argv += ["--steps-per-epoch", "11", "--epochs", "10", "--learning-rate", "0.01"]
    argv += ["--warmup-steps", "0", "--prompt", "a", "--sample-length", "4"]
    sick(train_lm.main, argv, tmp_path, capsys, "memorizes", "chapter6_writing")


@pytest.mark.slow
@pytest.mark.parametrize("step", [6, 10])
def test_a_run_that_was_stopped_within_an_epoch_says_it_once(step, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(symptoms, "SATURATED", -1.0)  # said after epoch 2, which ends at step 8
    folder = tmp_path / "run"
    argv = [*DIGITS, *DENSE, "--epochs", "4", "--verbose", "2", "--run-dir", str(folder)]
    with monkeypatch.context() as patch:
        raise_signal_at(patch, signal.SIGTERM, step)
        assert train_gan.main(argv) == 143
    said = [said_by(capsys)]
    assert train_gan.main(["--run-dir", str(folder), "--resume"]) == 0
    said.append(said_by(capsys))
    counts = [sum("is saturated" in text for text, _ in each) for each in said]
    assert counts == ([0, 1] if step < 8 else [1, 0])
    assert [at for at, text in texts(folder) if "is saturated" in text] == [2]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_it_says_nothing_of_a_first_epoch(name, finished):
    assert not texts(finished(name))


@pytest.mark.slow
@pytest.mark.parametrize("command", OF_IMAGES)
def test_of_a_folder_with_one_validation_image_it_says_nothing(command, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    for index, image in enumerate(random_images(10)):
        pixels = np.uint8(127.5 * image[..., 0] + 127.5)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")
    argv = ["--dataset", "folder", "--data-dir", str(tmp_path / "images"), "--image-size", "8"]
    networks = {"train_gan": DENSE, "train_vae": COLLAPSING, "train_flow": UNET}
    argv += [*networks[command], "--batch-size", "3", "--epochs", "4", "--verbose", "2"]
    assert MAINS[command]([*argv, "--run-dir", str(tmp_path / "run")]) == 0
    assert "diversity" not in history(tmp_path / "run")[0]
    assert not said_by(capsys)


@pytest.mark.slow
@pytest.mark.parametrize("command", TRAINING)
def test_it_changes_no_bit_and_says_nothing_of_a_run_that_is_well(
    command, tmp_path, capsys, monkeypatch
):
    argv = [*TRAINING[command], *write_data(command, tmp_path), "--epochs", "2", "--verbose", "2"]
    assert MAINS[command]([*argv, "--run-dir", str(tmp_path / "with")]) == 0
    assert not said_by(capsys)
    assert not texts(tmp_path / "with")
    for name in ("on_train_begin", "on_train_batch_end", "on_epoch_end", "on_train_end"):
        monkeypatch.setattr(TrainingDoctor, name, lambda self, *_, **__: None)
    assert MAINS[command]([*argv, "--run-dir", str(tmp_path / "without")]) == 0
    assert_same_bits(tmp_path / "with" / "model.keras", tmp_path / "without" / "model.keras")


def test_verbose_0_leaves_the_terminal_alone(tmp_path, capsys):
    callback = TrainingDoctor(tmp_path, FINDINGS, verbose=0)
    callback.set_model(make_gan())
    callback.on_train_begin()
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        for epoch in range(2):
            callback.on_epoch_end(epoch, dict(SICK))
    assert capsys.readouterr().out == ""
    assert [step for step, _ in texts(tmp_path)] == [2]
