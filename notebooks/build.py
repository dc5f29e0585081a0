"""Makes the notebooks from their text.

    python notebooks/build.py                     # runs every chapter, solution and exhibit
    python notebooks/build.py chapter4 exercises/chapter4 bugs/kl_mean     # only these
    python notebooks/build.py --students          # the students' versions of the exercises only
    python notebooks/build.py --copy              # a copy for a student to work in: my_notebooks/

A notebook's text is a `.py` file in jupytext's percent format; beside it lies the `.ipynb` that this
program makes, run from a clean kernel, with its output. From `grading/source/chapter4/chapter4.py`
come the solution beside it and the students' `exercises/chapter4.ipynb`, without answers and without
hidden tests.
"""

import argparse
import configparser
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

FOLDER = Path(__file__).parent
# What only a live page can show. Beside each of these the notebooks draw a still picture.
LIVE = ("application/vnd.jupyter.widget-view+json", "text/html")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_SECONDS = 600  # a cell that takes longer hangs


def sources():
    """The texts of all notebooks by their short names, such as `exercises/chapter4`."""
    chapters = {path.stem.split("_")[0]: path for path in FOLDER.glob("chapter*.py")}
    solutions = {f"exercises/{p.stem}": p for p in FOLDER.glob("grading/source/*/chapter*.py")}
    exhibits = {f"bugs/{path.stem}": path for path in FOLDER.glob("bugs/*.py")}
    return dict(sorted(chapters.items()) + sorted(solutions.items()) + sorted(exhibits.items()))


def reading_path(source):
    """What a reader opens: of an exercise the students' version, else what was run."""
    return student_path(source) if "/source/" in source.as_posix() else source.with_suffix(".ipynb")


def badges(source, address):
    """Markdown that opens a notebook elsewhere, if the project's public address is on GitHub."""
    repository = address.removeprefix("https://github.com/")
    if repository == address:
        return ""
    path = reading_path(source).relative_to(FOLDER.parent).as_posix()
    return (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{repository}/blob/main/{path})\n"
        "[![Open in Binder](https://mybinder.org/badge_logo.svg)]"
        f"(https://mybinder.org/v2/gh/{repository}/main?labpath={path})\n\n"
    )


def copy_to(folder):
    """Copies what a student opens, unless it is there already; not the texts and the solutions."""
    for path in sorted(FOLDER.rglob("*")):
        copy = folder / path.relative_to(FOLDER)
        shown = path.suffix == ".ipynb" or path == FOLDER / "README.md"
        if shown and "grading" not in path.relative_to(FOLDER).parts and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def public_address():
    settings = configparser.ConfigParser()
    settings.read(FOLDER.parent / "setup.cfg", encoding="utf-8")
    return settings["genai_keras"]["address"]


def read_text(source, address=None):
    """The notebook that a text describes, without output.

    Below the title come badges, and as the first cell of code that of `first_cell.py`.

    Args:
        source: path of the text.
        address: the project's public address; that in `setup.cfg` if None.
    """
    address = public_address() if address is None else address
    notebook = jupytext.read(source)
    title = notebook.cells[0]
    title.source = title.source.replace("\n\n", f"\n\n{badges(source, address)}", 1)
    first = (FOLDER / "first_cell.py").read_text(encoding="utf-8").strip()
    first = first.replace('ADDRESS = ""', f'ADDRESS = "{address}"')
    notebook.cells.insert(1, nbformat.v4.new_code_cell(first))
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # else new ones each time
    return notebook


def run(source, folder):
    """The notebook of a text after a clean kernel has run it in `folder`."""
    notebook = read_text(source)
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,  # else lines that come late stand alone
    ).execute(stderr=subprocess.DEVNULL)  # TensorFlow's notes on the machine
    return notebook


def tidy(notebook):
    """Takes out of the output what only a live page can show, and what no reader wants."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                continue
            if "data" in output:
                if any(kind in output.data for kind in LIVE) and "image/png" not in output.data:
                    continue
                output.metadata = {}
            kept.append(output)
        cell.outputs = kept
    return notebook


def student_version(source):
    """The notebook of an exercise as `nbgrader generate_assignment` makes it."""
    notebook = read_text(source)
    for step in (LockCells, ClearSolutions, ClearOutput, ClearHiddenTests, ComputeChecksums):
        notebook, _ = step().preprocess(notebook, {})
    return notebook


def student_path(source):
    return FOLDER / "exercises" / f"{source.stem}.ipynb"


def write(notebook, path):
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    print(f"  {path.relative_to(FOLDER)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which, such as chapter4; all if none is named")
    parser.add_argument("--students", action="store_true", help="run nothing")
    parser.add_argument("--copy", action="store_true", help="only copy to my_notebooks/")
    options = parser.parse_args()
    if options.copy:
        return copy_to(FOLDER.parent / "my_notebooks")
    known = sources()
    unknown = set(options.names) - set(known)
    if unknown:
        sys.exit(f"no notebook is called {', '.join(unknown)}: there are {', '.join(known)}")
    for name in options.names or known:
        source = known[name]
        if name.startswith("exercises/"):
            write(student_version(source), student_path(source))
        if options.students:
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            write(tidy(run(source, folder)), source.with_suffix(".ipynb"))
        print(f"    {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
