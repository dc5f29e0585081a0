"""The package in a program of one's own, where Keras was set up for something else."""

import os
import subprocess
import sys

import keras
import pytest

import genai_keras
from genai_keras.backend import check_keras, import_keras
from genai_keras.errors import UserError


def test_with_tensorflow_and_channels_last_it_is_keras_itself():
    assert import_keras() is keras
    check_keras()


def test_another_backend_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    for use in (check_keras, lambda: genai_keras.GAN):
        with pytest.raises(
            UserError, match=r"not with jax: set KERAS_BACKEND=tensorflow"
        ) as raised:
            use()
        assert "\n" not in str(raised.value)


def test_channels_first_is_one_clear_line_and_is_left_as_it_was_chosen(monkeypatch):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(UserError, match="set to channels_first: first call "):
            _ = genai_keras.VAE
        assert keras.config.image_data_format() == "channels_first"
    finally:
        keras.config.set_image_data_format("channels_last")


def test_what_keeps_keras_from_starting_is_told_with_the_file_to_mend(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "mine"))
    monkeypatch.setitem(sys.modules, "keras", None)  # importing it is an ImportError
    with pytest.raises(UserError) as raised:
        import_keras()
    assert str(raised.value).startswith("Keras cannot be imported (")
    assert str(raised.value).endswith(f"correct or delete {tmp_path}/mine/keras.json")


@pytest.mark.parametrize("first", ["from genai_keras import GAN", "import genai_keras.models.vae"])
def test_a_program_whose_backend_is_not_installed_ends_with_that_line(first, tmp_path):
    """Keras reads its backend when it is imported: hence another process."""
    environment = {"KERAS_BACKEND": "nonsense", "KERAS_HOME": str(tmp_path), "PATH": ""}
    ended = subprocess.run(
        [sys.executable, "-c", first], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("genai_keras.errors.UserError: Keras cannot be imported (")
    assert "nonsense" in last and "set KERAS_BACKEND=tensorflow" in last


DRAWS = """
from genai_keras.plots.figures import draw
assert draw(lambda figure: figure.subplots(), figsize=(2.0, 1.0), dpi=50).shape == (50, 100, 3)
"""


@pytest.mark.parametrize(
    ("backend", "settings", "code", "says"),
    [
        ("module://matplotlib_inline.backend_inline", "", 0, ""),
        ("module://nowhere.to.be.found", "", 0, ""),
        ("nonsense", "", 0, ""),
        ("tkagg", "backend: nonsense\nno.such.key: 3\n", 0, ""),  # Matplotlib warns of these
        ("nonsense", "font.size: \xff", 1, "UserError: Matplotlib cannot be imported ("),
    ],
)
def test_the_backend_of_another_notebook_keeps_nothing_from_being_drawn(
    backend, settings, code, says, tmp_path
):
    """Matplotlib reads both once, when it is imported: hence another process."""
    (tmp_path / "matplotlibrc").write_bytes(settings.encode("latin-1"))
    environment = {**os.environ, "MPLBACKEND": backend, "MATPLOTLIBRC": str(tmp_path)}
    script = f"{DRAWS}import os; assert os.environ['MPLBACKEND'] == {backend!r}"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == code and says in (ended.stderr.splitlines() or [""])[-1], ended
