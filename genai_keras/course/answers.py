"""Reads a learner's answers from a notebook or a module, whatever state they are in."""

import builtins
import contextlib
import io
import json
import re
import warnings

import matplotlib

from genai_keras.course.marking import Verdict, mark
from genai_keras.errors import UserError


def mark_file(path, exercises, seed=0):
    """Marks all of a chapter's exercises in a file, and returns a list of `Verdict`.

    Cells that fail do not keep the others from being marked; cells with tests are not run.

    Args:
        path: of an `.ipynb` or a `.py` file.
        exercises: what it should answer.
        seed: of the inputs.

    Raises:
        UserError: it cannot be read.
    """
    matplotlib.use("Agg")  # a plot in a cell opens no window
    names, failures = _run(read_cells(path), path)
    verdicts = []
    for exercise in exercises:
        if exercise.name in names:
            with _unseen():
                verdicts.append(mark(exercise, names[exercise.name], seed))
        elif exercise.name in failures:
            verdicts.append(Verdict(exercise.name, "wrong", failures[exercise.name]))
        else:
            reason = f"the file defines no function {exercise.name}"
            verdicts.append(Verdict(exercise.name, "not done yet", reason))
    return verdicts


def read_cells(path):
    """The code of the cells but for those with tests; a module may have cells, too, after `# %%`.

    Raises:
        UserError: no such file, or it is neither.
    """
    if path.suffix not in (".py", ".ipynb"):
        raise UserError(f"{path} is neither a notebook (.ipynb) nor a module (.py)")
    if not path.is_file():
        raise UserError(f"there is no file {path}: name the notebook or module of your answers")
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            cells = re.split(r"^(?=# %%)", text, flags=re.M)
            return [cell for cell in cells if '"grade": true' not in cell.split("\n")[0]]
        return [_code(cell) for cell in json.loads(text)["cells"] if _is_answer(cell)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read as a notebook: {error}") from None


def _is_answer(cell):
    """Whether a cell is code, and not a test of nbgrader's (which may also be an answer)."""
    graded = cell.get("metadata", {}).get("nbgrader", {})
    return cell["cell_type"] == "code" and (graded.get("solution") or not graded.get("grade"))


def _code(cell):
    """A cell's text without IPython's own commands, which plain Python does not know."""
    return re.sub(r"^(\s*)(%%?[a-zA-Z]|[!?]).*", r"\1pass", "".join(cell["source"]), flags=re.M)


def _run(cells, path):
    """Runs cells one after another; returns their names, and what kept a function from one."""
    names = {"__name__": "answers", "__file__": str(path), "__builtins__": builtins}
    failures = {}
    for number, cell in enumerate(cells, start=1):
        try:
            with _unseen():
                exec(compile(cell, f"<answers {number}>", "exec"), names)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # SystemExit, too: the next cell may be fine
            reason = f"its cell fails with {type(error).__name__}: {error}"
            for line in cell.split("\n"):
                if line.startswith("def "):
                    failures[line[4:].split("(")[0].strip()] = reason
    return names, failures


@contextlib.contextmanager
def _unseen():
    """Answers may print, plot and warn as they like: only the marks are to be seen."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
