"""What ends training is told apart by what it is, not by its words."""

import errno
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import make_gan

from genai_keras import train_gan
from genai_keras.callbacks.images import ImageGrid
from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.text_options import LanguageModelConfig
from genai_keras.cli.tool_options import ExportConfig, GenerateConfig
from genai_keras.cli.vae_options import VAEConfig
from genai_keras.data import images
from genai_keras.data.images import to_pixels
from genai_keras.errors import TrainingDiverged, UserError
from genai_keras.training import failures
from genai_keras.training.checkpoints import CheckpointCallback, Checkpoints
from genai_keras.training.failures import shortage, told_in_one_line

NO_ROOM = (
    "there is no space left to write to .*: free some space, then python -m genai_keras.train_gan"
)
NO_MEMORY = "a training step does not fit into memory"


def end_with(error, folder, checkpoint=None, callbacks=()):
    config = GANConfig(run_dir=folder)
    config.save(folder / "config.json")  # what marks a run that can be continued
    with told_in_one_line(None, None, checkpoint, config, callbacks):
        raise error


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that takes no more files."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "whatever this system calls it")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_known_by_its_number(number, tmp_path):
    with pytest.raises(UserError, match=NO_ROOM):
        end_with(OSError(number, "whatever this system calls it"), tmp_path)


def test_another_failure_that_speaks_of_space_is_none_of_a_full_disk(tmp_path):
    for error in (OSError("No space left on device"), OSError(errno.EIO, "No space left")):
        with pytest.raises(OSError, match="No space left") as raised:
            end_with(error, tmp_path)
        assert raised.value is error


@pytest.mark.parametrize("text", ["No space left on device", "failed to allocate memory"])
def test_what_tensorflow_runs_out_of_is_found_out(text, tmp_path, request):
    """It has one class of error for a full disk and for too little memory."""
    error = tf.errors.ResourceExhaustedError(None, None, text)
    with pytest.raises(UserError, match=NO_MEMORY):
        end_with(error, tmp_path)
    request.getfixturevalue("full_disk")
    with pytest.raises(UserError, match=NO_ROOM):
        end_with(error, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_other_failures_of_tensorflow_are_raised_as_they_are(tmp_path, full_disk):
    with pytest.raises(tf.errors.UnknownError, match="No space left on device"):
        end_with(tf.errors.UnknownError(None, None, "No space left on device"), tmp_path)


def test_what_has_not_begun_is_not_to_be_continued(tmp_path):
    full = OSError(errno.ENOSPC, "No space left")
    config = GANConfig(run_dir=tmp_path)
    assert shortage(full, config).endswith("): free some space, then start again")
    # Neither is another run that it was to replace.
    GANConfig(run_dir=tmp_path, epochs=3).save(tmp_path / "config.json")
    assert shortage(full, config).endswith("): free some space, then start again")
    config.save(tmp_path / "config.json")
    assert shortage(full, config).endswith(f"--run-dir {tmp_path} --resume")


def test_a_checkpoint_is_spoken_of_where_there_is_one(tmp_path):
    checkpoint = CheckpointCallback(Checkpoints(tmp_path / "checkpoints"), steps_per_epoch=4)
    full = OSError(errno.ENOSPC, "No space left")
    with pytest.raises(UserError) as raised:
        end_with(full, tmp_path, checkpoint)
    assert "The last checkpoint" not in str(raised.value)
    with pytest.raises(TrainingDiverged) as raised:
        end_with(TrainingDiverged("training diverged: x is nan"), tmp_path, checkpoint)
    assert str(raised.value) == "training diverged: x is nan"
    # A save that was killed, and one that is damaged, are none.
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step_00000000.keras").write_bytes(b"half")
    with pytest.raises(UserError) as raised:
        end_with(full, tmp_path, checkpoint)
    assert "The last checkpoint" not in str(raised.value)
    checkpoint.checkpoints.save(make_gan(), 0)
    with pytest.raises(UserError, match="The last checkpoint is complete: free some space"):
        end_with(full, tmp_path, checkpoint)


@pytest.mark.parametrize("second", [ValueError, KeyboardInterrupt])
def test_a_divergence_is_told_even_if_its_beginning_cannot_be_found(second, tmp_path, monkeypatch):
    def where_it_began(*_):
        raise second("the second")

    monkeypatch.setattr(failures, "where_it_began", where_it_began)
    checkpoint = CheckpointCallback(Checkpoints(tmp_path / "checkpoints"), steps_per_epoch=4)
    checkpoint.set_model(make_gan())
    checkpoint.save()
    with pytest.raises(TrainingDiverged, match=r"x is nan; where .*: the second"):
        end_with(TrainingDiverged("training diverged: x is nan"), tmp_path, checkpoint)


class EndsWith(keras.callbacks.Callback):
    """Its clean-up fails."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def on_train_end(self, logs=None):
        raise self.error


@pytest.mark.parametrize("first", [RuntimeError("first"), MemoryError("first"), OSError("first")])
def test_clean_up_that_fails_adds_a_line_and_replaces_nothing(first, tmp_path, capsys):
    ended = []
    last = keras.callbacks.LambdaCallback(on_train_end=lambda *_: ended.append(1))
    callbacks = [EndsWith(ZeroDivisionError("division by zero")), EndsWith(KeyError("k")), last]
    with pytest.raises((UserError, type(first))) as raised:
        end_with(first, tmp_path, callbacks=callbacks)
    assert "first" in str(raised.value) or "memory" in str(raised.value)
    said = "warning: EndsWith did not end in order: "
    assert capsys.readouterr().err == f"{said}division by zero\n{said}'k'\n"
    assert len(ended) == 1


def test_a_disk_that_is_full_is_said_once(tmp_path, capsys):
    full = OSError(errno.ENOSPC, "No space left")
    with pytest.raises(UserError, match=NO_ROOM):
        end_with(full, tmp_path, callbacks=[EndsWith(full), EndsWith(full)])
    assert capsys.readouterr().err == ""


def test_a_failure_before_the_first_image_makes_no_animation(tmp_path, capsys):
    (tmp_path / "samples").mkdir()
    grid, log = ImageGrid(tmp_path), keras.callbacks.CSVLogger(tmp_path / "history.csv")
    with pytest.raises(RuntimeError, match="the cause"):
        end_with(RuntimeError("the cause"), tmp_path, callbacks=[grid, log])
    assert capsys.readouterr().err == "" and not list((tmp_path / "samples").iterdir())


def huge_array():
    return to_pixels(np.broadcast_to(np.float32(0), (10**6, 10**4, 10**4, 1)))


def huge_array_alone():
    return np.zeros((10**6, 10**8, 8))


@pytest.mark.parametrize(
    ("allocate", "config", "what", "smaller"),
    [
        (huge_array, GANConfig, "the data do", "`limit` or `image_size`"),
        (huge_array, GenerateConfig, "what it needs does", "`count` or `length`"),
        (huge_array_alone, GenerateConfig, "what it needs does", "`count` or `length`"),
        (huge_array_alone, ExportConfig, "what it needs does", "close other programs"),
    ],
)
def test_too_little_memory_is_told_with_the_size_and_what_makes_it_smaller(
    allocate, config, what, smaller
):
    with pytest.raises(MemoryError) as raised:
        allocate()
    said = shortage(raised.value, config())
    assert said.startswith(f"{what} not fit into memory (an array of shape (1000000, 1")
    assert said.endswith(smaller) and "iB)" in said


def test_too_little_memory_for_data_is_told_so_by_a_command(tmp_path, capsys, monkeypatch):
    """They are loaded on the way through `training/prepare.py`, which is no training step."""
    monkeypatch.setattr(images, "_arranged", lambda *_: huge_array())
    assert train_gan.main(["--run-dir", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the data do not fit into memory (an array of shape (1000000, 1")
    assert said.endswith("use a smaller --limit or --image-size\n")


TENSOR = "OOM when allocating tensor with shape[64,28,28,32] and type float on /job:localhost"


@pytest.mark.parametrize(
    ("config", "smaller"),
    [
        (
            GANConfig,
            "`batch_size`, `generator_widths`, `discriminator_widths`, `dense_units` or "
            "`latent_dim`",
        ),
        (VAEConfig, "`batch_size`, `widths`, `dense_units` or `latent_dim`"),
        (LanguageModelConfig, "`batch_size`, `width`, `hidden_units` or `context_length`"),
    ],
)
def test_a_step_that_does_not_fit_is_told_with_its_tensor(config, smaller, tmp_path):
    config = config(run_dir=tmp_path)
    for error in (
        tf.errors.ResourceExhaustedError(None, None, TENSOR),
        tf.errors.InternalError(None, None, f"Dst tensor is not initialized. {TENSOR}"),
    ):
        with pytest.raises(UserError) as raised, told_in_one_line(None, None, None, config, []):
            raise error
        size = 64 * 28 * 28 * 32 * 4 / 2**30
        assert f"{NO_MEMORY} (a tensor of shape (64, 28, 28, 32), {size:.3g} GiB): use a " in str(
            raised.value
        )
        assert str(raised.value).endswith(f"smaller {smaller}, or a larger `accumulate`")
