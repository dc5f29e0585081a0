"""What all tasks share."""

import pytest

from genai_keras.tasks.base import left_in


def test_a_file_that_cannot_be_written_to_a_run_folder_is_a_warning(tmp_path, capsys):
    with left_in(tmp_path, "samples.png"):
        raise PermissionError("read-only")
    path = tmp_path / "samples.png"
    assert capsys.readouterr().err == f"warning: {path} cannot be written: read-only\n"


def test_a_closed_terminal_is_no_fault_of_the_file(tmp_path, capsys):
    with pytest.raises(BrokenPipeError), left_in(tmp_path, "samples.png"):
        raise BrokenPipeError
    assert capsys.readouterr().err == ""
