"""The bug museum: each exhibit's test fails on the bug and passes on the cure."""

import re
from pathlib import Path

import jupytext
import pytest

EXHIBITS = sorted((Path(__file__).parents[2] / "notebooks/bugs").glob("*.py"))
each_exhibit = pytest.mark.parametrize("path", EXHIBITS, ids=lambda path: path.stem)


def tagged(path, *tags):
    """The code of a notebook's cells with one of some tags, in their order."""
    cells = jupytext.read(path).cells
    return [cell.source for cell in cells if set(tags) & set(cell.metadata.get("tags", ()))]


def run_test(path, version):
    """Runs an exhibit's test on its code as it is, "exhibit", or mended, "cure"."""
    names = {}
    for source in (*tagged(path, "setup"), *tagged(path, version), *tagged(path, "test")):
        exec(compile(source, path.name, "exec"), names)
    names["test"]()


@each_exhibit
def test_fails_on_the_bug_and_passes_on_the_cure(path):
    with pytest.raises(AssertionError):
        run_test(path, "exhibit")
    run_test(path, "cure")


@each_exhibit
def test_exhibit_and_cure_define_the_same(path):
    """So the rest of the notebook runs with either, and nothing else is changed between them."""
    bug, cure = (
        sorted(re.findall(r"^(?:def|class) (\w+)", "\n".join(tagged(path, version)), re.M))
        for version in ("exhibit", "cure")
    )
    assert bug == cure != []
