"""The law of accumulated gradients: N parts of a batch compute what the batch does, to rounding."""

import functools
import os
import signal
import subprocess
import sys

import families
import keras
import numpy as np
import pytest
import tensorflow as tf
from families import (
    BINARY,
    IMAGES,
    LABELS,
    TARGETS,
    TOKENS,
    batches,
    difference,
    language_model,
    seq2seq,
    sgd,
    trained,
    vae,
)
from helpers import (
    MAINS,
    TRAINING,
    assert_same_bits,
    history,
    raise_signal_at,
    random_images,
    write_data,
)

from genai_keras import replicas
from genai_keras.errors import UserError
from genai_keras.models.gan import GAN
from genai_keras.networks.dense import build_dense_discriminator, build_dense_generator


def gan(classes=0, normalize=False, clipnorm=None, **compile_arguments):
    gan = GAN(
        build_dense_generator(5, (8, 8, 1), (9, 9), normalize=normalize, classes=classes),
        build_dense_discriminator((8, 8, 1), (9,), classes=classes),
        instance_noise=0.3,
    )
    optimizers = sgd(global_clipnorm=clipnorm), sgd(clipnorm=clipnorm)
    gan.compile(*optimizers, label_smoothing=0.1, **compile_arguments)
    return gan


FAMILIES = {
    "gan": (gan, batches(IMAGES)),
    "clipped gan": (lambda: gan(clipnorm=0.05), batches(IMAGES)),
    "conditional gan": (lambda: gan(3), batches(IMAGES, labels=LABELS, classes=3)),
    "vae": (lambda: vae(beta=2.0, warmup_steps=3), BINARY),
    "iwae": (lambda: vae(importance_samples=3), BINARY),
    **{name: families.FAMILIES[name] for name in ("flow", "conditional flow")},
    "language model": (language_model, batches(TOKENS)),
    "encoder-decoder": (seq2seq, batches(TOKENS, TARGETS)),
}
NOT_EXACT = {
    "batch normalization": (lambda: gan(normalize=True), batches(IMAGES)),
    "free bits": (lambda: vae(free_bits=0.01), BINARY),
}


def in_parts(family, accumulate, **options):
    return trained(*{**FAMILIES, **NOT_EXACT}[family], accumulate=accumulate, **options)


@functools.cache
def whole(family):
    return in_parts(family, 1)


def assert_equal_runs(one, other, tolerance=1.0):
    (weights, states, history), (others, other_states, of_others) = one, other
    assert difference(weights, others) < 1e-5 * tolerance
    for state, other_state in zip(states, other_states, strict=True):
        np.testing.assert_array_equal(state, other_state)  # they advance once for each step
    assert history.keys() == of_others.keys()
    for name in history:
        np.testing.assert_allclose(
            of_others[name], history[name], rtol=1e-4 * tolerance, atol=1e-4 * tolerance
        )


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_parts_compute_what_the_batch_computes(family, parts):
    assert_equal_runs(whole(family), in_parts(family, parts))


@pytest.mark.parametrize("family", ["gan", "vae", "encoder-decoder"])
def test_each_device_cuts_its_part_again(family):
    assert_equal_runs(whole(family), in_parts(family, 2, devices="2"))


def test_parts_compute_what_the_batch_computes_in_bfloat16():
    one, other = (in_parts("language model", n, precision="mixed_bfloat16") for n in (1, 4))
    assert difference(one[0], in_parts("language model", 1)[0]) > 1e-4  # it is another precision
    assert_equal_runs(one, other, tolerance=1000)


@pytest.mark.parametrize("family", NOT_EXACT)
def test_what_cannot_be_the_same_differs(family):
    assert difference(in_parts(family, 1)[0], in_parts(family, 4)[0]) > 1e-4


def same_for_all(draw, shape, axis=0):
    return draw(shape)


def of_another_part(draw, shape, axis=0):
    part = replicas._part()
    whole = draw((*shape[:axis], shape[axis] * part.parts, *shape[axis + 1 :]))
    first = (part.number + 1) % part.parts * shape[axis]
    return tf.gather(whole, first + tf.range(shape[axis]), axis=axis)


def added_up(gradients, data, weights, parts, seed_states=()):
    averages = accumulated(gradients, data, weights, parts, seed_states)
    return tf.nest.map_structure(lambda each: each * parts, averages)


def clipped_first(gradients, data, weights, parts, seed_states=()):
    def clipped(part):
        return tf.clip_by_global_norm(gradients(part), 0.1)[0]

    return accumulated(clipped, data, weights, parts, seed_states)


def states_that_go_on(gradients, data, weights, parts, seed_states=()):
    return accumulated(gradients, data, weights, parts)


accumulated = replicas.accumulated
WRONG = {
    "sums": ("gan", "accumulated", added_up),
    "clipping of each part": ("language model", "accumulated", clipped_first),
    "identical noise": ("gan", "own_part", same_for_all),
    "noise of another part": ("gan", "own_part", of_another_part),
    "identical noise of a VAE": ("vae", "own_part", same_for_all),
    "identical noise of a flow": ("flow", "own_part", same_for_all),
    "identical dropout": ("language model", "own_part", same_for_all),
    "new noise for each part": ("gan", "accumulated", states_that_go_on),
    "means that do not count tokens": ("encoder-decoder", "weight", lambda samples: 1.0),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_would_break_the_law(monkeypatch, wrong):
    family, name, function = WRONG[wrong]
    weights = whole(family)[0]
    monkeypatch.setattr(replicas, name, function)
    assert difference(weights, in_parts(family, 2)[0]) > 2e-5


@pytest.mark.parametrize(("parts", "at_once"), [(1, []), (2, [1])])
def test_a_loop_computes_one_part_at_a_time(parts, at_once):
    model, data = gan(accumulate=parts), tf.constant(IMAGES[:8])
    graph = tf.function(model.train_step).get_concrete_function(data).graph
    loops = [each for each in graph.get_operations() if "While" in each.type]
    assert [each.get_attr("parallel_iterations") for each in loops] == at_once


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_weights_without_a_gradient_are_left_alone():
    unused, used = tf.Variable([3.0]), tf.Variable([2.0])

    def gradients(part):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(part * used)
        return tape.gradient(loss, [unused, used])

    found = replicas.accumulated(gradients, tf.constant([1.0, 2.0, 3.0, 4.0]), [unused, used], 2)
    assert found[0] is None
    np.testing.assert_allclose(found[1], [2.5])


@pytest.mark.parametrize("data", ["of known size", "of unknown size"])
def test_a_batch_that_cannot_be_cut_is_told(data):
    model = gan(accumulate=3)
    images = tf.data.Dataset.from_tensor_slices(random_images(8))
    images = images.batch(8, drop_remainder=data == "of known size")
    failures = ValueError, tf.errors.InvalidArgumentError
    with pytest.raises(failures, match="cannot be cut into `accumulate=3`"):
        model.fit(images, shuffle=False, verbose=0)


@pytest.mark.parametrize(
    ("devices", "accumulate", "says"),
    [
        (1, 3, "cut into `accumulate=3` equal parts: use a multiple, such as `batch_size=6`"),
        (2, 3, "equal parts on each of 2 devices: use a multiple, such as `batch_size=6`"),
        (1, 16, "`batch_size=16`"),
    ],
)
def test_a_size_that_can_be_cut_is_named(devices, accumulate, says):
    with pytest.raises(UserError) as error:
        batches(IMAGES).check_parts(devices, accumulate)
    assert says in str(error.value)
    batches(IMAGES).check_parts(2, 4)


MEMORY = """
import ctypes
import sys
import tensorflow as tf
from genai_keras.models.gan import GAN
from genai_keras.networks.dense import build_dense_discriminator, build_dense_generator
from genai_keras.training.devices import on_devices

def peak():
    status = open("/proc/self/status")
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024

def memory_of_a_step(parts):
    gan = GAN(
        build_dense_generator(5, (8,), (64, 64)), build_dense_discriminator((8,), (64,) * 6)
    )
    gan.compile("sgd", "sgd", accumulate=parts)
    strategy = tf.distribute.get_strategy()
    step = tf.function(lambda: strategy.run(gan.train_step, (tf.zeros((BATCH, 8)),)))
    step()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is free goes back to the system
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins again from what is in use
    before = peak()
    step()
    return peak() - before

with on_devices(sys.argv[1]):
    BATCH = 65536 // int(sys.argv[1])
    print(*(memory_of_a_step(parts) for parts in (1, 8)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for the memory")
@pytest.mark.parametrize("devices", [1, 2])
def test_parts_need_less_memory(devices):
    # With oneDNN, TensorFlow keeps what is freed, so that the system cannot tell what is in use.
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(devices)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    whole, in_parts = map(float, done.stdout.split())
    assert whole > 100, done.stdout  # MB
    assert in_parts < 0.4 * whole


def started(command, folder, data, *argv):
    argv = [*TRAINING[command], *data, "--epochs", "2", "--verbose", "0", *argv]
    return MAINS[command]([*argv, "--run-dir", str(folder)])


def resumed(command, folder, *argv):
    return MAINS[command](["--run-dir", str(folder), "--resume", "--verbose", "0", *argv])


@pytest.mark.slow
@pytest.mark.usefixtures("few_digits")
@pytest.mark.parametrize("command", TRAINING)
def test_a_run_in_parts_is_stopped_and_continued(command, tmp_path, monkeypatch, capsys):
    data = write_data(command, tmp_path)
    straight, stopped, whole = (tmp_path / name for name in ("straight", "stopped", "whole"))
    assert started(command, straight, data, "--accumulate", "2") == 0
    said = capsys.readouterr().err
    assert ("--accumulate 2 changes what is learnt" in said) == (command == "train_gan")
    with monkeypatch.context() as patch:
        raise_signal_at(patch, signal.SIGTERM, 2, keras.callbacks.CSVLogger)
        assert started(command, stopped, data, "--accumulate", "2") == 143
    assert resumed(command, stopped) == 0
    assert "other versions" not in capsys.readouterr().err
    assert_same_bits(straight / "model.keras", stopped / "model.keras")
    assert history(straight) == history(stopped)
    assert started(command, whole, data) == 0
    for row, other in zip(history(straight), history(whole), strict=True):
        assert row.keys() == other.keys()
        for name in row if command != "train_gan" else ():
            assert float(row[name]) == pytest.approx(float(other[name]), abs=0.02), name


@pytest.mark.usefixtures("few_digits")
def test_another_number_of_parts_goes_on_with_a_warning(tmp_path, monkeypatch, capsys):
    folders = {"train_vae": tmp_path / "vae", "train_gan": tmp_path / "gan"}
    for command, folder in folders.items():
        with monkeypatch.context() as patch:
            raise_signal_at(patch, signal.SIGTERM, 2, keras.callbacks.CSVLogger)
            assert started(command, folder, []) == 143
    capsys.readouterr()
    assert resumed("train_vae", folders["train_vae"], "--accumulate", "2") == 0
    assert "accumulate 1 -> 2" in capsys.readouterr().err
    # Batch normalization would take other statistics.
    assert resumed("train_gan", folders["train_gan"], "--accumulate", "2") == 2
    assert "--accumulate 2 (the run has 1)" in capsys.readouterr().err


@pytest.mark.usefixtures("few_digits")
def test_a_batch_that_cannot_be_cut_is_told_before_training(tmp_path, capsys):
    assert started("train_gan", tmp_path / "run", [], "--accumulate", "3") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "a batch of 16 samples cannot be cut into --accumulate 3 equal parts" in said
    assert "--batch-size 15" in said
    assert not (tmp_path / "run").exists()
