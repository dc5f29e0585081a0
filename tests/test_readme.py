"""What the documents promise is there: links, images, commands, options and presets."""

import re
import shlex
import subprocess
import sys
import textwrap
from itertools import takewhile
from pathlib import Path

import pytest

from genai_keras import train_lm, train_seq2seq
from genai_keras.cli.image_options import GANConfig, VAEConfig
from genai_keras.cli.parsing import make_parser
from genai_keras.cli.text_options import LanguageModelConfig, Seq2SeqConfig
from genai_keras.cli.tool_options import (
    AugmentConfig,
    CheckConfig,
    EvaluateConfig,
    ExportConfig,
    GenerateConfig,
    LeNetConfig,
)

TRAINING = (GANConfig, VAEConfig, LanguageModelConfig, Seq2SeqConfig)
TOOLS = (EvaluateConfig, GenerateConfig, ExportConfig, AugmentConfig, CheckConfig, LeNetConfig)
ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
PAGES = (
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "docs/dcgan-sweep.md",
    "docs/reliability.md",
    "notebooks/README.md",
    "notebooks/TEACHING.md",
)


@pytest.mark.parametrize("name", PAGES)
def test_links_and_images_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "@@" not in text
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("name", PAGES)
def test_tests_that_are_named_exist(name):
    for file, test in re.findall(
        r"(tests/[\w/]+\.py)::(\w+)", (ROOT / name).read_text(encoding="utf-8")
    ):
        assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


@pytest.mark.parametrize("cls", TRAINING + TOOLS)
def test_commands_in_the_readme_parse(cls):
    # A command ends where its line, its code or, in Chinese, its clause ends.
    command = rf"python -m genai_keras\.{cls.command}\b([^\n#`\u3001\u3002\uff01-\uff60]*)"
    english, chinese = (re.findall(command, text) for text in (README, CHINESE))
    assert len(english) > (3 if cls in TRAINING else 0)
    assert len(chinese) == len(english)
    for line in english + chinese:
        words = shlex.split(line.replace("NAME", getattr(cls, "preset", "")))
        if "--help" not in words:
            make_parser(cls).parse_args(words)


@pytest.mark.parametrize("cls", TRAINING)
def test_every_preset_is_in_the_readme(cls):
    for name in cls.presets:
        assert f"| `{name}`" in README


def snippet(module):
    """The README's Python that begins by importing a module."""
    lines = README[README.index(f"    import keras, genai_keras.models.{module}") :].splitlines()
    return "\n".join(takewhile(lambda line: line.startswith("    "), lines))


@pytest.mark.slow
@pytest.mark.parametrize(
    "module, main, argv",
    [
        ("language_model", train_lm.main, ["--context-length", "8"]),
        ("seq2seq", train_seq2seq.main, ["--dataset", "dates"]),
    ],
)
def test_python_in_the_readme_runs_in_a_fresh_process(module, main, argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny = ["--width", "8", "--num-heads", "2", "--epochs", "1", "--steps-per-epoch", "2"]
    assert main([*argv, *tiny, "--run-dir", "runs/mine", "--verbose", "0"]) == 0
    code = textwrap.dedent(snippet(module))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("name", PAGES)
def test_tables_are_whole(name):
    for table in tables((ROOT / name).read_text(encoding="utf-8")):
        assert len({row.count("|") for row in table}) == 1, table


def tables(text):
    return [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.M)]


def test_the_chinese_readme_has_the_same_figures():
    """Table by table and row by row the same numbers, and one table more: the glossary."""
    english, chinese = tables(README), tables(CHINESE)
    assert len(chinese) == len(english) + 1
    for ours, theirs in zip(english, chinese, strict=False):
        assert len(ours) == len(theirs), theirs[0]
        for row, translated in zip(ours, theirs, strict=True):
            assert numbers(row) == numbers(translated), translated


def numbers(row):
    return sorted(re.findall(r"\d[\d.,]*\d|\d", row))
