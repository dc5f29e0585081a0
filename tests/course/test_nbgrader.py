"""nbgrader itself hands out, grades and exports an assignment of the folder `grading`."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def nbgrader(course, *arguments):
    # It calls alembic by name, as if the environment were activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if "App | WARNING]" in line]


def hand_in(course, student, answers):
    """Fills in answers, by the names of their functions, and hands the notebook in."""
    notebook = nbformat.read(course / "release/chapter4/chapter4.ipynb", as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in answers:
            stub = "# YOUR CODE HERE\n    raise NotImplementedError()"
            assert stub in cell.source
            cell.source = cell.source.replace(stub, f"return {answers[name]}")
    folder = course / "submitted" / student / "chapter4"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "chapter4.ipynb")


@pytest.mark.slow
def test_an_assignment_from_handing_out_to_the_table_of_grades(tmp_path):
    course = tmp_path / "course"
    shutil.copytree(NOTEBOOKS / "grading", course)
    nbgrader(course, "generate_assignment", "chapter4")
    handed_out = course / "release/chapter4"
    assert [path.name for path in handed_out.iterdir()] == ["chapter4.ipynb"], "answers, too?"
    ours = nbformat.read(NOTEBOOKS / "exercises/chapter4.ipynb", as_version=4)
    theirs = nbformat.read(handed_out / "chapter4.ipynb", as_version=4)
    assert [(c.source, c.metadata) for c in ours.cells] == [
        (c.source, c.metadata) for c in theirs.cells
    ]

    kl = "0.5 * np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=-1)"
    right = {
        "reparameterize": "mean + np.exp(log_variance / 2) * noise",
        "gaussian_kl": kl,
        "bernoulli_nll": "np.sum(np.logaddexp(0, logits) - x * logits, axis=(1, 2, 3))",
        "gaussian_log_density": (
            "-0.5 * np.sum(np.log(2 * np.pi) + log_variance "
            "+ (z - mean) ** 2 / np.exp(log_variance), axis=-1)"
        ),
    }
    hand_in(course, "all", right)
    hand_in(course, "half", {**right, "gaussian_kl": kl[6:], "bernoulli_nll": "[2.7725887]"})
    hand_in(course, "none", {})
    warnings = nbgrader(course, "autograde", "chapter4", "--create")
    # The page for teachers says why it has these, and that there are no others.
    checksum = re.compile(r".*Attribute 'checksum' for cell test_\w+ has changed! ")
    assert [line for line in warnings if not checksum.match(line)] == []
    nbgrader(course, "generate_feedback", "chapter4")
    nbgrader(course, "export", "--to", "grades.csv")
    with open(course / "grades.csv", newline="") as file:
        grades = {
            row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)
        }
    # The second's divergence lacks its 0.5, and it has only the visible image's answer.
    assert grades == {"all": ("10.0", "10.0"), "half": ("5.0", "10.0"), "none": ("0.0", "10.0")}
    feedback = (course / "feedback/half/chapter4/chapter4.html").read_text(encoding="utf-8")
    assert "is the 0.5 there?" in feedback
