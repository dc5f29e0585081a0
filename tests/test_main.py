"""`genai-keras COMMAND ...` does what `python -m genai_keras.COMMAND ...` does."""

import pytest

from genai_keras import __version__, train_gan
from genai_keras.__main__ import main


def test_help_is_that_of_the_command(capsys):
    assert main(["train-gan", "--help"]) == 0
    through_the_entry = capsys.readouterr().out
    assert train_gan.main(["--help"]) == 0
    assert through_the_entry == capsys.readouterr().out
    assert "--preset" in through_the_entry


@pytest.mark.parametrize("name", ["train-vase", "--train-gan", ""])
def test_an_unknown_command_is_a_usage_error(name, capsys):
    assert main([name]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: there is no command {name}: use one of train-gan, ")
    assert len(printed.err.splitlines()) == 1


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"genai_keras {__version__}\n"
