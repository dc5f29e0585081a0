"""The structure that CONTRIBUTING.md promises: imports go one way, from higher levels to lower."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "genai_keras"
LEVELS = {
    "errors": 0,
    "files": 1,
    "quiet": 0,
    "config": 1,
    "parsing": 2,
    "losses": 1,
    "likelihoods": 1,
    "command": 3,
    "data": 2,
    "layers": 2,
    "networks": 3,
    "sampling": 3,
    "models": 4,
    "evaluation": 5,
    "callbacks": 5,
    "training": 6,
    "serving": 5,
    "notebook": 7,
    "exercises": 7,
    "runs": 7,
    "train_gan": 8,
    "train_vae": 8,
    "train_lm": 8,
    "train_seq2seq": 8,
    "evaluate": 8,
    "generate": 8,
    "export": 8,
    "augment": 8,
    "evaluation/train_lenet": 8,
    "check": 8,
    "__main__": 9,
}
# These know nothing of the command line, so that a notebook can use them.
CONFIG_FREE = (
    "losses",
    "likelihoods",
    "data",
    "layers",
    "networks",
    "sampling",
    "models",
    "evaluation",
    "callbacks",
    "serving",
)


def imports_of(path):
    """The modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("genai_keras."))


def place_of(path):
    name = path.relative_to(PACKAGE).with_suffix("").as_posix()
    return name if name in LEVELS else name.split("/")[0]


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def check(path, place):
    for target in imports_of(path):
        assert target == place or LEVELS[target] < LEVELS[place], f"{place} imports {target}"
        assert not (place in CONFIG_FREE and target in ("config", "parsing", "command"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    check(path, place_of(path))


def test_the_levels_name_what_there_is():
    assert {place_of(path) for path in MODULES} <= LEVELS.keys()


def test_a_wrong_import_would_be_seen(tmp_path):
    wrong = tmp_path / "losses.py"
    wrong.write_text("def f():\n    from genai_keras.models.gan import GAN\n")
    with pytest.raises(AssertionError, match="losses imports models"):
        check(wrong, "losses")
    wrong.write_text("from genai_keras.cli.image_options import GANConfig\n")
    with pytest.raises(AssertionError):
        check(wrong, "models")
