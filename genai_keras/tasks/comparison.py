"""Comparing several runs."""

from PIL import Image

from genai_keras.errors import warn
from genai_keras.files import whole_file
from genai_keras.plots.images import captioned, image_grid

GRID = 64  # samples of each run


def short_names(runs):
    """The names of the folders where they are unique, otherwise their paths; by path."""
    names = {path: run.folder.resolve().name for path, run in runs.items()}
    unique = [name for name in names.values() if list(names.values()).count(name) == 1]
    return {path: name if name in unique else path for path, name in names.items()}


def warn_of_differences(runs):
    """Warns if the runs differ in something that makes their figures incomparable."""
    facts = [run.task.facts(run) for run in runs]
    names = list(dict.fromkeys(name for each in facts for name in each))
    different = [
        name for name in names if len({str(each[name]) for each in facts if name in each}) > 1
    ]
    if different:
        warn(
            f"the runs differ in {' and '.join(different)}, so not all of their figures are "
            "comparable"
        )


def save_side_by_side(runs, path, seed=0):
    """Draws samples of all runs that make images, by their names; returns whether there are any."""
    images = {name: run.task.images(run, GRID, seed) for name, run in runs.items()}
    grids = {
        name: image_grid(each, least_side=240, value_range=(0, 1))
        for name, each in images.items()
        if each is not None
    }
    if grids:
        with whole_file(path) as unfinished:
            Image.fromarray(captioned(grids)).save(unfinished)
    return bool(grids)
