"""`~` is the home folder in every option that is a path, where the shell does not expand it."""

import argparse
import dataclasses
import os
import pwd
import shlex
import typing
from pathlib import Path

import pytest
from helpers import COMMANDS

from genai_keras.cli.gan_options import GANConfig
from genai_keras.cli.parsing import make_parser, parse_config
from genai_keras.cli.tool_options import EvaluateConfig, GenerateConfig
from genai_keras.cli.values import value_type

PATHS = sorted(
    (
        (cls, option)
        for cls in COMMANDS.values()
        for option in dataclasses.fields(cls)
        if value_type(typing.get_type_hints(cls)[option.name])[0] is Path
    ),
    key=lambda pair: (pair[0].command, pair[1].name),
)
each_path = pytest.mark.parametrize(
    ("cls", "option"), PATHS, ids=[f"{cls.command}-{option.name}" for cls, option in PATHS]
)


def typed(cls, option, text):
    """What the parser of a command makes of a path."""
    (action,) = (each for each in make_parser(cls)._actions if each.dest == option.name)
    return action.type(text)


def test_there_are_path_options_in_every_command():
    assert {cls.command for cls, _ in PATHS} == COMMANDS.keys() - {"launch"}  # it passes them on


@each_path
def test_a_tilde_is_the_home_folder(cls, option, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert typed(cls, option, "~/my x.png") == tmp_path / "my x.png"
    assert typed(cls, option, "~") == tmp_path
    assert typed(cls, option, "a/~/b") == Path("a/~/b")
    assert typed(cls, option, "a~") == Path("a~")


@each_path
def test_a_tilde_that_means_nothing_is_refused_by_name(cls, option):
    for text in ("~nobody of this name/x", "~nobody of this name"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"home folder in '{text}' is not"):
            typed(cls, option, text)
    with pytest.raises(argparse.ArgumentTypeError, match="it is empty"):
        typed(cls, option, "")


def test_a_tilde_and_a_name_is_the_home_folder_of_that_user():
    user = pwd.getpwuid(os.getuid())
    config = parse_config(GANConfig, [f"--run-dir=~{user.pw_name}/x"])
    assert config.run_dir == Path(user.pw_dir) / "x"


@pytest.mark.parametrize("home", ["", "not/absolute"])
def test_a_home_that_is_none_is_one_line(home, monkeypatch, capsys):
    monkeypatch.setenv("HOME", home)
    with pytest.raises(SystemExit):
        parse_config(GANConfig, ["--run-dir=~/x"])
    assert "the home folder in '~/x' is not known" in capsys.readouterr().err


def test_without_a_home_it_is_that_of_the_user_in_the_systems_list(monkeypatch):
    monkeypatch.delenv("HOME")
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert parse_config(GenerateConfig, ["~/run"]).run == home / "run"


def test_every_run_of_a_comparison_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = parse_config(EvaluateConfig, ["--compare", "~/a", "b", "~/c"])
    assert config.compare == (tmp_path / "a", Path("b"), tmp_path / "c")


def test_a_folder_that_is_really_called_so_stays_it_in_the_command_that_resumes(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    config = parse_config(GANConfig, ["--run-dir", "./~/x"])
    assert config.run_dir == tmp_path / "~" / "x"
    words = shlex.split(config.resume_command())
    (tmp_path / "~" / "x").mkdir(parents=True)
    config.save(config.run_dir / "config.json")
    assert parse_config(GANConfig, words[3:]).run_dir == config.run_dir
