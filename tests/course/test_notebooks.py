"""Every notebook runs from a clean kernel, is in step with its text, and can be read on the web."""

import ast
import importlib.util
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from genai_keras.cli.tool_options import CHAPTERS
from genai_keras.course import notebook as shown

ROOT = Path(__file__).parents[2]


def load_build():
    """`notebooks/build.py`, which is a program and no part of the package."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "notebooks/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load_build()
SOURCES = build.sources()
each_notebook = pytest.mark.parametrize("name", SOURCES)


def contents(notebook):
    return [(cell.cell_type, cell.source, dict(cell.metadata)) for cell in notebook.cells]


def read(path):
    return nbformat.read(path, as_version=4)


def test_all_are_there():
    chapters = {name for name in SOURCES if name.startswith("chapter")}
    exercises = {name for name in SOURCES if name.startswith("exercises/")}
    assert chapters == set(CHAPTERS)
    assert exercises == {f"exercises/{chapter}" for chapter in CHAPTERS}
    assert sum(name.startswith("bugs/") for name in SOURCES) == 13
    made = {path.with_suffix(".ipynb") for path in SOURCES.values()}
    made |= {build.student_path(path) for path in SOURCES.values() if "/source/" in str(path)}
    assert set(ROOT.glob("notebooks/**/*.ipynb")) - made == set(), "notebooks without a text"


@each_notebook
def test_notebook_and_text_are_in_step(name):
    text, made = build.read_text(SOURCES[name]), read(SOURCES[name].with_suffix(".ipynb"))
    assert contents(made) == contents(text), f"run: python notebooks/build.py {name}"


@each_notebook
def test_output_is_whole(name):
    cells = [c for c in read(SOURCES[name].with_suffix(".ipynb")).cells if c.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    images = sum("image/png" in output.get("data", {}) for output in outputs)
    assert images or name.startswith("exercises/")
    text = "".join(str(output) for output in outputs)
    assert not re.search(r"/(home|tmp|root|Users|work)/", text), "a path of the machine that ran it"
    assert SOURCES[name].with_suffix(".ipynb").stat().st_size < 1.5e6
    if name.startswith("chapter"):
        check_progress(cells)


def check_progress(cells):
    """Each `fit` of a chapter leaves one bar, which is full, and at most one sample."""
    fits = [cell for cell in cells if ".fit(" in cell.source]
    assert fits
    for cell in fits:
        data = [output.data for output in cell.outputs if "data" in output]
        full = shown.BAR * "█"
        assert re.match(rf"epoch (\d+)/\1 {full} [\d.:]+ (s|min) in all\n", text_of(data[0]))
        assert sum(text_of(each).startswith("epoch ") for each in data) == 1
        # What Matplotlib draws says so; the rest is the sample.
        samples = [each for each in data[1:] if not text_of(each).startswith("<Figure")]
        newest = re.search(r"Progress\((\w*)\)", cell.source)[1]
        assert all("image/png" in each for each in samples if text_of(each).startswith("<PIL"))
        assert len(samples) == bool(newest) + cell.source.count("show_images(")


def text_of(data):
    return data.get("text/plain", "")


@each_notebook
def test_a_public_address_makes_badges_and_installs(name):
    path = build.reading_path(SOURCES[name]).relative_to(ROOT).as_posix()
    badges = (
        f"(https://colab.research.google.com/github/someone/something/blob/main/{path})\n",
        f"(https://mybinder.org/v2/gh/someone/something/main?labpath={path})\n\n",
    )
    for address, number in (
        ("https://github.com/someone/something", 1), ("https://example.org/project", 0), ("", 0),
    ):  # fmt: skip
        title, first = build.read_text(SOURCES[name], address).cells[:2]
        assert [title.source.count(badge) for badge in badges] == [number] * 2
        assert title.source.count("[![") == 2 * number
        assert f'\nADDRESS = "{address}"\n' in first.source


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("address", ["", "https://example.org/project"])
def test_first_cell_installs_only_where_it_has_to(monkeypatch, installed, address):
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    if not installed:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    cell = build.read_text(SOURCES["chapter4"]).cells[1].source
    cell = cell.replace('ADDRESS = ""', f"ADDRESS = {address!r}")
    if installed or address:
        exec(cell, {})
    else:
        with pytest.raises(ModuleNotFoundError, match="no address to get it from"):
            exec(cell, {})
    assert [call[1:] for call in calls] == (
        [] if installed or not address else [["-m", "pip", "install", "--quiet", f"git+{address}"]]
    )


@pytest.mark.parametrize("name", [name for name in SOURCES if name.startswith("chapter")])
def test_chapters_redefine_nothing(name):
    """No class at all, and no function of a name that the package has."""
    ours = {
        node.name
        for path in ROOT.glob("genai_keras/**/*.py")
        if path.parent.name != "exercises"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    for node in ast.walk(ast.parse(SOURCES[name].read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.ClassDef)
        assert not (isinstance(node, ast.FunctionDef) and node.name in ours), node.name


def test_a_chapters_time_is_in_one_place():
    """The list of chapters has them all in one form, and nothing else repeats them."""
    listed = re.findall(
        r"^\| \d \| \[.+\]\((\w+)\.ipynb\) \| \d+ s \|$",
        (ROOT / "notebooks/README.md").read_text(encoding="utf-8"),
        re.M,
    )
    chapters = [path for name, path in SOURCES.items() if name.startswith("chapter")]
    assert listed == [path.stem for path in chapters]
    for path in chapters:
        assert "CPU" not in path.read_text(encoding="utf-8"), path.name
    teaching = (ROOT / "notebooks/TEACHING.md").read_text(encoding="utf-8")
    assert not re.search(r"^\| \d \|.* \d+ s \|", teaching, re.M)


def test_solutions_are_not_in_a_students_way():
    """Not in the folder of the exercises, and the last folder of all."""
    folder = ROOT / "notebooks/exercises"
    assert {path.name for path in folder.iterdir()} - {".ipynb_checkpoints"} == {
        f"{chapter}.ipynb" for chapter in CHAPTERS
    }
    folders = sorted(path.name for path in folder.parent.iterdir() if path.is_dir())
    assert folders.index("grading") > folders.index("exercises")


SECTIONS = ("What you will learn", "shapes", "network", "by hand", "`fit`", "amples",
            "TensorBoard", "What to try next")  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SOURCES if name.startswith("chapter")])
def test_chapters_have_the_same_order(name):
    cells = build.read_text(SOURCES[name]).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## .*|^\*\*What you will learn\*\*", text, re.M)
    places = [next((i for i, h in enumerate(headings) if s in h), None) for s in SECTIONS]
    assert None not in places, dict(zip(SECTIONS, places, strict=True))
    assert places == sorted(places)


@pytest.fixture(scope="module")
def run_in_one_kernel():
    """Runs a notebook in a folder; all in one kernel, as importing Keras takes longest of all."""
    client = NotebookClient(nbformat.v4.new_notebook(), timeout=build.CELL_SECONDS)

    def run(notebook, folder):
        forget = f"import os\nos.chdir({str(folder)!r})\n%reset -f"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(forget))
        client.nb = notebook
        client.execute(cleanup_kc=False)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(shown.FAST, "1")
        with client.setup_kernel(stderr=subprocess.DEVNULL):
            yield run


@pytest.mark.slow
@each_notebook
def test_runs_where_nothing_is_defined(name, run_in_one_kernel, tmp_path):
    notebook = build.read_text(SOURCES[name])
    run_in_one_kernel(notebook, tmp_path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    if name.startswith("chapter"):
        check_progress(cells)


@pytest.mark.slow
def test_runs_from_a_clean_kernel(tmp_path, monkeypatch):
    """As it is built; what is in git was made so, as the numbers of its cells show."""
    monkeypatch.setenv(shown.FAST, "1")
    ran = build.run(SOURCES["exercises/chapter4"], tmp_path)
    assert all(cell.execution_count for cell in ran.cells if cell.cell_type == "code")


@pytest.mark.slow
def test_an_error_in_a_notebook_is_seen(run_in_one_kernel, tmp_path):
    """And what the notebook before it defined is gone."""
    one = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("one = 1")])
    run_in_one_kernel(one, tmp_path)
    wrong = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(one)")])
    with pytest.raises(CellExecutionError, match="NameError"):
        run_in_one_kernel(wrong, tmp_path)


@pytest.mark.slow
def test_a_wrong_answer_shows_its_hint_and_no_traceback(run_in_one_kernel, tmp_path):
    answer = """import numpy as np
from genai_keras.course.marking import check
def gaussian_kl(mean, log_variance):
    return np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=-1)
check(gaussian_kl)"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(answer)])
    with pytest.raises(CellExecutionError):
        run_in_one_kernel(notebook, tmp_path)
    (shown_there,) = notebook.cells[1].outputs
    hint = "gaussian_kl: wrong: twice the expected value: is the 0.5 there?"
    assert shown_there.traceback == [hint]


def test_a_students_copy_has_no_solutions_and_is_never_overwritten(tmp_path):
    build.copy_to(tmp_path)
    copied = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.ipynb")}
    opened = {build.reading_path(path).relative_to(ROOT / "notebooks") for path in SOURCES.values()}
    assert copied == {path.as_posix() for path in opened}
    (tmp_path / "exercises/chapter4.ipynb").write_text("answers")
    (tmp_path / "chapter1_regression.ipynb").unlink()
    build.copy_to(tmp_path)
    assert (tmp_path / "exercises/chapter4.ipynb").read_text() == "answers"
    assert (tmp_path / "chapter1_regression.ipynb").exists()


def test_tidy_keeps_images_and_takes_live_pages():
    data = {"image/png": "x", "text/plain": "p"}
    outputs = [
        nbformat.v4.new_output("display_data", data),
        nbformat.v4.new_output("display_data", {"text/html": "<iframe>", "text/plain": "p"}),
        nbformat.v4.new_output("stream", name="stderr", text="a note"),
        nbformat.v4.new_output("stream", name="stdout", text="a number"),
    ]
    cell = nbformat.v4.new_code_cell("x", outputs=outputs)
    tidied = build.tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert [output.get("text") or output.data["image/png"] for output in tidied] == [
        "x", "a number",
    ]  # fmt: skip
