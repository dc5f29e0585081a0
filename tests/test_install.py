"""What is installed: the locks hold the packages of setup.cfg and what these need, each once."""

import configparser
import importlib
import re
import sys
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# Each begins with what the one before it has.
LOCKS = ("requirements.txt", "requirements-notebooks.txt", "requirements-dev.txt")
# The locks are of this platform; another may need a few packages more or fewer.
PLATFORM = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
}


def declared():
    """The requirements in setup.cfg that each lock is for."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    texts = (config["options"]["install_requires"], extras["notebooks"], extras["dev"])
    assert extras.keys() == {"notebooks", "dev", "benchmark"}
    lists = [[Requirement(line) for line in lines(text)] for text in texts]
    return dict(zip(LOCKS, lists, strict=True))


def lines(text):
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def locked(name):
    """The versions in one lock, by package, without those that it includes."""
    pins = [line for line in lines((ROOT / name).read_text()) if not line.startswith("-r ")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    versions = {canonicalize_name(pin.split("==")[0]): pin.split("==")[1] for pin in pins}
    assert len(versions) == len(pins), "a package is listed twice"
    return versions


def closure(requirements):
    """The names of installed packages that these requirements need, and of those that they need."""
    found, waiting = set(), [(each.name, extra) for each in requirements for extra in extras(each)]
    while waiting:
        package = name, extra = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for needed in map(Requirement, metadata.requires(name) or []):
            if needed.marker is None or needed.marker.evaluate({**PLATFORM, "extra": extra}):
                waiting += [(canonicalize_name(needed.name), each) for each in extras(needed)]
    return {canonicalize_name(name) for name, _ in found}


def extras(requirement):
    return ["", *requirement.extras]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_setup_cfg_asks_for(name):
    versions = locked(name)
    for requirement in declared()[name]:
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_what_is_needed_and_nothing_else(name):
    upto = LOCKS[: LOCKS.index(name) + 1]
    for package, version in [pin for lock in upto for pin in locked(lock).items()]:
        skip_unless_installed(package, version)
    needed = closure(requirement for lock in upto for requirement in declared()[lock])
    assert {package for lock in upto for package in locked(lock)} == needed


def skip_unless_installed(package, version):
    """Other versions may need other packages."""
    try:
        there = metadata.version(package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    if there != version:
        pytest.skip(f"{package} {there} is installed, the lock has {version}")


def test_no_package_is_in_two_locks():
    names = [package for lock in LOCKS for package in locked(lock)]
    assert len(names) == len(set(names))


def test_training_needs_few_packages():
    assert len(locked("requirements.txt")) < 80


def test_a_lock_includes_the_one_before():
    for before, name in pairwise(LOCKS):
        assert f"-r {before}" in (ROOT / name).read_text().splitlines()


def test_without_the_extra_notebooks_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    monkeypatch.delitem(sys.modules, "genai_keras.course.notebook", raising=False)
    with pytest.raises(ImportError, match=r"pip install genai_keras\[notebooks\]$"):
        importlib.import_module("genai_keras.course.notebook")
