"""The packages and data of a run, in `versions.json`."""

import importlib.metadata
import json
import platform

import numpy as np

from genai_keras import replicas
from genai_keras.errors import UserError, warn

PACKAGES = ("genai_keras", "keras", "tensorflow", "numpy")


def check_data(folder, counts, files=None, fingerprint=None, doing="resume"):
    """Raises a `UserError` if the data are not those of the run.

    Args:
        folder: folder of the run.
        counts: number of samples now for `training` and `validation`.
        files, fingerprint: as in `Data`.
        doing: what cannot be done, for the message.
    """
    former = read_versions(folder)
    samples = former.get("samples", counts)
    if samples != counts:
        difference = (
            f"it had {samples['training']} training and {samples['validation']} validation "
            f"samples, but now there are {counts['training']} and {counts['validation']}"
        )
    elif former.get("data", fingerprint) != fingerprint:
        difference = "the number of samples is the same, but their content or labels differ"
    else:
        files = (files or {}).items()
        different = [
            name
            for name, text in files
            if not (folder / name).exists() or (folder / name).read_text("utf-8") != text
        ]
        if not different:
            return
        difference = f"they result in a different {different[0]}"
    raise UserError(
        f"cannot {doing} {folder} with other data: {difference}; restore the data, or start a new "
        "run"
    )


def read_versions(folder):
    """The `versions.json` of a run: versions, numbers of samples, hashes of the data."""
    path = folder / "versions.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return {name: value for name, value in found.items() if value is not None}
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}): restore it, or start a new run") from None


def versions(accumulate=1):
    """The versions of the packages now, the system, and what chooses the kernels.

    `onednn` is whether TensorFlow itself says that it uses it, whatever was set; `instructions`
    are those beyond the usual that NumPy finds in the processor. `devices` is the number of parts
    of a batch, and `accumulate` into how many each of them is cut again.
    """
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout, not installed
            packages[name] = "not installed"
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    return {
        "python": platform.python_version(),
        **packages,
        "platform": platform.platform(),
        "instructions": " ".join(found) or platform.machine(),
        "onednn": _onednn(),
        "devices": replicas.count(),
        "accumulate": accumulate,
    }


def _onednn():
    try:  # it is no part of the public API, and may move
        from tensorflow.python.util import _pywrap_util_port

        return "on" if _pywrap_util_port.IsMklEnabled() else "off"
    except (ImportError, AttributeError):
        return "unknown"


def warn_of_other_versions(folder, accumulate=1):
    """Warns if a run continues with other versions of packages, other kernels or other parts."""
    former = {"devices": 1, "accumulate": 1, **read_versions(folder)}
    changes = [
        f"{name} {former.get(name)} -> {version}"
        for name, version in versions(accumulate).items()
        if former.get(name) != version
    ]
    if changes:
        warn(
            f"the run began with other versions ({', '.join(changes)}), so its results may differ "
            "in the last bits"
        )
