"""`python -m genai_keras.check` on notebooks and modules in every state."""

import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest

from genai_keras.check import main
from genai_keras.cli.tool_options import CHAPTERS

EXERCISES = Path(__file__).parents[2] / "notebooks/exercises"
KL = "0.5 * np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=-1)"


def rows(text):
    """The printed verdicts by name."""
    lines = [line.strip().split(maxsplit=1) for line in text.splitlines() if line.startswith("  ")]
    return {name: verdict.strip() for name, verdict in lines}


@pytest.mark.parametrize("suffix", [".ipynb", ".py"])
def test_the_solution_is_all_right(capsys, suffix):
    path = EXERCISES.with_name("grading") / f"source/chapter4/chapter4{suffix}"
    assert main(["chapter4", str(path)]) == 0
    printed = capsys.readouterr().out
    assert set(rows(printed).values()) == {"right"} and printed.endswith("4 of 4 right\n")


def test_the_students_version_is_not_done_yet(capsys, tmp_path, monkeypatch):
    # A checkout may have a student's copy of its own, which comes first.
    shutil.copytree(EXERCISES, tmp_path / "notebooks/exercises")
    monkeypatch.chdir(tmp_path)
    assert main(["chapter4"]) == 1
    printed = capsys.readouterr().out
    assert "chapter4: notebooks/exercises/chapter4.ipynb\n" in printed
    assert set(rows(printed).values()) == {"not done yet"} and len(rows(printed)) == 4


def test_one_answer_in_the_notebook(capsys, tmp_path, monkeypatch):
    """As a learner leaves it: one cell filled in, one broken, magics and prints here and there."""
    notebook = nbformat.read(EXERCISES / "chapter4.ipynb", as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name == "gaussian_kl":
            cell.source = cell.source.replace("raise NotImplementedError()", f"return {KL}")
            cell.source = f"%matplotlib inline\nprint('hello')\n{cell.source}\n!ls\n"
        if name == "reparameterize":
            cell.source = cell.source.replace("raise NotImplementedError()", "return (mean")
        if name == "bernoulli_nll":
            cell.source = "%%time\nraise SystemExit\ndef bernoulli_nll(x, logits):\n    return 0\n"
    nbformat.write(notebook, tmp_path / "chapter4.ipynb")
    monkeypatch.chdir(tmp_path)
    assert main(["chapter4"]) == 1
    printed = capsys.readouterr().out
    assert "hello" not in printed
    found = rows(printed)
    assert found["gaussian_kl"] == "right"
    assert found["reparameterize"].startswith("wrong: its cell fails with SyntaxError")
    assert found["bernoulli_nll"].startswith("wrong: its cell fails with SystemExit")
    assert found["gaussian_log_density"] == "not done yet"
    assert "1 of 4 right" in printed


def test_a_module_without_some_functions(capsys, tmp_path):
    path = tmp_path / "my answers 答案.py"
    path.write_text(f"import numpy as np\ndef gaussian_kl(mean, log_variance):\n    return {KL}\n")
    assert main(["chapter4", str(path)]) == 1
    found = rows(capsys.readouterr().out)
    assert found["gaussian_kl"] == "right"
    assert found["reparameterize"] == "not done yet: the file does not define reparameterize"


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("answers.txt", "x", "neither a notebook (.ipynb) nor a module (.py)"),
        ("absent.py", None, "there is no file"),
        ("broken.ipynb", "{", "cannot be read as a notebook"),
        ("list.ipynb", "[]", "cannot be read as a notebook"),
        ("cells.ipynb", '{"cells": [7]}', "cannot be read as a notebook"),
        ("latin.py", b"\xff\xfe", "cannot be read"),
    ],
)
def test_unreadable_answers_are_one_line(capsys, tmp_path, name, content, part):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["chapter4", str(path)]) == 1
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1


def test_no_answers_here(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["chapter4"]) == 1
    assert "give your file, as in python -m genai_keras.check chapter4" in capsys.readouterr().err
    assert main([f"chapter{len(CHAPTERS) + 1}"]) == 2


def test_the_file_stays_as_it_is(tmp_path):
    path = shutil.copy(EXERCISES / "chapter4.ipynb", tmp_path)
    before = Path(path).read_bytes()
    main(["chapter4", str(path)])
    assert Path(path).read_bytes() == before


def test_an_edited_text_is_marked_too(capsys, tmp_path):
    """jupytext's text of the students' notebook, as some prefer to edit it."""
    notebook = jupytext.read(EXERCISES / "chapter4.ipynb")
    jupytext.write(notebook, tmp_path / "chapter4.py", fmt="py:percent")
    text = (tmp_path / "chapter4.py").read_text()
    last = text.rindex("raise NotImplementedError()")
    text = (
        text[:last]
        + "return losses.gaussian_log_density(z, mean, log_variance)"
        + text[last + 27 :]
    )
    (tmp_path / "chapter4.py").write_text(
        text.replace("import numpy", "from genai_keras import losses\nimport numpy")
    )
    assert main(["chapter4", str(tmp_path / "chapter4.py")]) == 1
    assert list(rows(capsys.readouterr().out).values()) == ["not done yet"] * 3 + ["right"]
