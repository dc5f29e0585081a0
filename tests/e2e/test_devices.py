"""`--devices`: the commands on several devices, stopped and continued, and what is refused."""

import signal

import keras
import numpy as np
import pytest
from helpers import (
    MAINS,
    TRAINING,
    assert_same_bits,
    history,
    raise_signal_at,
    saved_arrays,
    write_data,
)
from PIL import Image

pytestmark = pytest.mark.usefixtures("few_digits")


def started(command, folder, data, devices, *argv):
    argv = [*TRAINING[command], *data, "--epochs", "2", "--verbose", "0", *argv]
    return MAINS[command]([*argv, "--run-dir", str(folder), "--devices", devices])


def resumed(command, folder, *argv):
    return MAINS[command](["--run-dir", str(folder), "--resume", "--verbose", "0", *argv])


def closeness(folder, other):
    """The largest difference of any two numbers in the models of two runs."""
    ones, others = (saved_arrays(each / "model.keras") for each in (folder, other))
    assert ones.keys() == others.keys()
    return max(np.abs(ones[name] - others[name].astype(float)).max() for name in ones)


@pytest.mark.slow
@pytest.mark.parametrize("command", TRAINING)
def test_a_run_on_two_devices_is_stopped_and_continued(command, tmp_path, monkeypatch, capsys):
    data = write_data(command, tmp_path)
    straight, stopped, alone = (tmp_path / name for name in ("straight", "stopped", "alone"))
    assert started(command, straight, data, "2") == 0
    with monkeypatch.context() as patch:
        raise_signal_at(patch, signal.SIGTERM, 2, keras.callbacks.CSVLogger)
        assert started(command, stopped, data, "2") == 143
    capsys.readouterr()
    assert resumed(command, stopped) == 0
    assert "warning" not in capsys.readouterr().err
    assert_same_bits(straight / "model.keras", stopped / "model.keras")
    assert history(straight) == history(stopped)

    assert started(command, alone, data, "1") == 0
    assert closeness(straight, alone) < 1e-3
    for row, other in zip(history(straight), history(alone), strict=True):
        assert row.keys() == other.keys()
        for name in row:
            assert float(row[name]) == pytest.approx(float(other[name]), abs=0.02), name
    for path in (straight / "samples").glob("*.png"):
        pixels, others = (
            np.asarray(Image.open(each), "float64")
            for each in (path, alone / "samples" / path.name)
        )
        assert pixels.shape == others.shape and np.abs(pixels - others).mean() < 1


@pytest.mark.slow
def test_another_number_of_devices_goes_on_with_a_warning(tmp_path, monkeypatch, capsys):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert started("train_gan", straight, [], "2") == 0
    with monkeypatch.context() as patch:
        raise_signal_at(patch, signal.SIGTERM, 2, keras.callbacks.CSVLogger)
        assert started("train_gan", stopped, [], "2") == 143
    capsys.readouterr()
    assert resumed("train_gan", stopped, "--devices", "1") == 0
    assert "devices 2 -> 1" in capsys.readouterr().err
    assert 0 < closeness(straight, stopped) < 1e-3


@pytest.mark.parametrize(
    ("devices", "code", "says"),
    [
        ("0", 2, "is not a number of devices, all, cpu or cluster"),
        ("-1", 2, "is not a number of devices, all, cpu or cluster"),
        ("two", 2, "is not a number of devices, all, cpu or cluster"),
        ("3", 1, "a batch of 16 samples cannot be divided among 3 devices: use a multiple, such as "
                 "--batch-size 15"),
        ("5", 1, "TensorFlow already computes on other devices"),
    ],
)  # fmt: skip
def test_devices_that_cannot_be_used_are_told_before_training(
    devices, code, says, tmp_path, capsys
):
    folder = tmp_path / "run"
    assert started("train_gan", folder, [], devices) == code
    assert says in " ".join(capsys.readouterr().err.split())
    assert not folder.exists()


def test_all_and_cpu_are_one_device_here(tmp_path):
    runs = [tmp_path / devices for devices in ("1", "all", "cpu")]
    for folder in runs:
        assert started("train_gan", folder, [], folder.name, "--epochs", "1") == 0
    for other in runs[1:]:
        assert_same_bits(runs[0] / "model.keras", other / "model.keras")


@pytest.mark.slow
def test_where_a_run_on_two_devices_diverged_is_found(tmp_path, capsys):
    argv = ["--learning-rate", "1e30", "--epochs", "2"]
    assert started("train_gan", tmp_path / "run", [], "2", *argv) == 3
    assert "step 1" in capsys.readouterr().err
