"""The structure that CONTRIBUTING.md promises: imports go one way, files are short."""

import ast
import re
from pathlib import Path

import pytest

from genai_keras.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "genai_keras"
DOORS = {*COMMANDS, "train_lenet"}
LAST = {"check", "launch"}  # which use other doors
# A room imports from those above it only. The command line and what is behind it come last.
LEVELS = (
    {"errors"},
    {"files", "backend", "losses", "likelihoods", "replicas"},
    {"data", "layers"},
    {"networks", "sampling"},
    {"models"},
    {"plots", "evaluation"},
    {"callbacks", "training"},
    {"tasks"},
    {"cli"},
    {"runs"},
    {"course", *DOORS - LAST},
    LAST,
    {"__main__"},
)
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
BELOW_THE_COMMAND_LINE = {room for room, level in LEVEL_OF.items() if level < LEVEL_OF["cli"]}
FLAG = re.compile(r"(^|[\s(`'\"])--[a-z]")
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))


def imports_of(path):
    """The rooms of the package that a file imports from, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("genai_keras."))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def check(path, room):
    for target in imports_of(path):
        if target == "__version__":
            continue
        lower = LEVEL_OF[target] < LEVEL_OF[room]
        assert target == room or lower, f"{room} imports {target}"


@each_module
def test_imports_go_one_way(path):
    check(path, room_of(path))


def test_the_levels_name_what_there_is():
    assert {room_of(path) for path in MODULES} == LEVEL_OF.keys()


def test_a_wrong_import_would_be_seen(tmp_path):
    wrong = tmp_path / "losses.py"
    wrong.write_text("def f():\n    from genai_keras.models.gan import GAN\n")
    with pytest.raises(AssertionError, match="losses imports models"):
        check(wrong, "losses")
    wrong.write_text("from genai_keras.cli.gan_options import GANConfig\n")
    with pytest.raises(AssertionError, match="models imports cli"):
        check(wrong, "models")


def flags_in(path):
    """The texts of a file, its docstrings too, in which a flag is named."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.replace("tensorboard --logdir", "")  # a program of its own
            if FLAG.search(text):
                yield text


@each_module
def test_no_room_below_the_command_line_names_a_flag(path):
    """They speak of their arguments, in backticks; the command line makes flags of these."""
    if room_of(path) in BELOW_THE_COMMAND_LINE:
        assert not list(flags_in(path))


def test_a_flag_would_be_seen(tmp_path):
    for text in ("use --limit 3", "--limit is", "(--limit)", "tensorboard --logdir x --limit"):
        (tmp_path / "flag.py").write_text(f'raise ValueError(f"{text} {{1}}")\n')
        assert list(flags_in(tmp_path / "flag.py"))


@each_module
def test_files_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= (60 if room_of(path) in DOORS else 250)


def test_the_table_of_rooms_names_them_all():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Where things live")[1]
    named = set(re.findall(r"`(\w+)(?:/|\.py)", table.split("\n## ")[0]))
    assert LEVEL_OF.keys() - {"__main__"} <= named
