"""What a run was made of: `versions.json`, with its packages and its data."""

import importlib.metadata
import json
import platform
import sys

from genai_keras.errors import UserError

PACKAGES = ("genai_keras", "keras", "tensorflow", "numpy")


def check_data(folder, counts, files=None, fingerprint=None, doing="resume"):
    """Refuses to go on with, or to measure, a run with other data than it learnt.

    Args:
        folder: of the run.
        counts: how many samples there are now for `training` and `validation`.
        files, fingerprint: as of `run_training`.
        doing: what is refused, for the message.
    """
    former = read_versions(folder)
    samples = former.get("samples", counts)
    if samples != counts:
        difference = (
            f"it had {samples['training']} training and {samples['validation']} validation "
            f"samples, and now there are {counts['training']} and {counts['validation']}"
        )
    elif former.get("data", fingerprint) != fingerprint:
        difference = "there are as many samples, but not the same ones"
    else:
        files = (files or {}).items()
        different = [name for name, text in files if (folder / name).read_text("utf-8") != text]
        if not different:
            return
        difference = f"what it makes is not the run's {different[0]}"
    raise UserError(
        f"cannot {doing} {folder} with other data: {difference}; put the data back, or start a new "
        "run"
    )


def read_versions(folder):
    """What a run's `versions.json` says: versions, numbers of samples, the data's fingerprint."""
    path = folder / "versions.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return {name: value for name, value in found.items() if value is not None}
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}): put it back, or start a new run") from None


def versions():
    """The packages that a run is made with now, and the system."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout, not installed
            packages[name] = "not installed"
    return {"python": platform.python_version(), **packages, "platform": platform.platform()}


def warn_of_other_versions(folder):
    """Warns if a run goes on with other packages than it began with."""
    former = read_versions(folder)
    changes = [
        f"{name} {former.get(name)} -> {version}"
        for name, version in versions().items()
        if former.get(name) != version
    ]
    if changes:
        print(
            f"warning: the run began with other versions ({', '.join(changes)}), so it may go on "
            "with other bits",
            file=sys.stderr,
        )
