"""TensorFlow starts without its notes, and where it cannot, one line says so."""

import sys

import pytest
import tensorflow as tf

from genai_keras import train_gan
from genai_keras.training import devices


def test_a_python_without_tensorflow_is_told_in_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.delitem(sys.modules, "genai_keras.cli.quiet", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # importing it is an ImportError
    assert train_gan.main(["--run-dir", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: TensorFlow cannot be imported (") and said.count("\n") == 1
    assert f"Python {sys.version.split()[0]} on" in said and "docs/install.md" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("gpus", "says"),
    [([], "CPU, 3 cores"), (["one"], "NVIDIA one"), (["one", "two"], "NVIDIA one, NVIDIA two")],
)
def test_a_run_says_what_it_computes_on(monkeypatch, gpus, says):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus if kind == "GPU" else 0)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"device_name": f"NVIDIA {gpu}"}
    )
    assert devices.device() == says
