"""What ends training is told apart by what it is, not by its words."""

import errno
import tempfile

import pytest
import tensorflow as tf

from genai_keras.cli.image_options import GANConfig
from genai_keras.errors import UserError
from genai_keras.training.failures import told_in_one_line

NO_ROOM = (
    "there is no space left to write to .*: free some space, then python -m genai_keras.train_gan"
)
NO_MEMORY = "a training step does not fit into memory"


def end_with(error, folder):
    with told_in_one_line(None, None, None, GANConfig(run_dir=folder), []):
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
    assert not list(tmp_path.iterdir())


def test_other_failures_of_tensorflow_are_raised_as_they_are(tmp_path, full_disk):
    with pytest.raises(tf.errors.UnknownError, match="No space left on device"):
        end_with(tf.errors.UnknownError(None, None, "No space left on device"), tmp_path)
