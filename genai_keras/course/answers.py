"""Reads a learner's answers from a notebook or a module, finished or not."""

import builtins
import contextlib
import io
import json
import re
import warnings

from genai_keras.backend import import_matplotlib
from genai_keras.course.marking import Verdict, mark
from genai_keras.errors import UserError


def mark_file(path, exercises, seed=0):
    """Marks all of a chapter's exercises in a file, and returns a list of `Verdict`.

    The other cells are marked even if one fails; cells with tests are not run.

    Args:
        path: path of an `.ipynb` or `.py` file.
        exercises: the exercises that it should answer.
        seed: seed of the inputs.

    Raises:
        UserError: the file cannot be read.
    """
    import_matplotlib().use("Agg")  # a plot in a cell opens no window
    names, failures = _run(read_cells(path), path)
    verdicts = []
    for exercise in exercises:
        if exercise.name in names:
            with _unseen():
                verdicts.append(mark(exercise, names[exercise.name], seed))
        elif exercise.name in failures:
            verdicts.append(Verdict(exercise.name, "wrong", failures[exercise.name]))
        else:
            reason = f"the file does not define {exercise.name}"
            verdicts.append(Verdict(exercise.name, "not done yet", reason))
    return verdicts


def read_cells(path):
    """The code of all cells without tests; a module may have cells, too, after `# %%`.

    Raises:
        UserError: there is no such file, or it is neither a notebook nor a module.
    """
    if path.suffix not in (".py", ".ipynb"):
        raise UserError(f"{path} is neither a notebook (.ipynb) nor a module (.py)")
    if not path.is_file():
        raise UserError(f"there is no file {path}: give the notebook or module with your answers")
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            cells = re.split(r"^(?=# %%)", text, flags=re.M)
            return [cell for cell in cells if '"grade": true' not in cell.split("\n")[0]]
        return [_code(cell) for cell in json.loads(text)["cells"] if _is_answer(cell)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read as a notebook: {error}") from None


def _is_answer(cell):
    """Whether a cell is code and not an nbgrader test (which may also be an answer)."""
    graded = cell.get("metadata", {}).get("nbgrader", {})
    return cell["cell_type"] == "code" and (graded.get("solution") or not graded.get("grade"))


def _code(cell):
    """The text of a cell without IPython commands, which are not valid Python."""
    return re.sub(r"^(\s*)(%%?[a-zA-Z]|[!?]).*", r"\1pass", "".join(cell["source"]), flags=re.M)


def _run(cells, path):
    """Runs cells in order; returns their names, and why functions of failed cells are missing."""
    names = {"__name__": "answers", "__file__": str(path), "__builtins__": builtins}
    failures = {}
    for number, cell in enumerate(cells, start=1):
        try:
            with _unseen():
                exec(compile(cell, f"<answers {number}>", "exec"), names)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # SystemExit, too, because the next cell may be fine
            reason = f"its cell fails with {type(error).__name__}: {error}"
            for line in cell.split("\n"):
                if line.startswith("def "):
                    failures[line[4:].split("(")[0].strip()] = reason
    return names, failures


@contextlib.contextmanager
def _unseen():
    """Hides what the answers print, plot and warn, so that only the marks are visible."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
