"""What computed a run, and the warning if something else continues it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tensorflow.python.util import _pywrap_util_port

from genai_keras.training.versions import versions, warn_of_other_versions

CPUINFO = Path("/proc/cpuinfo")
SAYS = """
from genai_keras.cli.environment import own_settings
with own_settings():
    from genai_keras.training.versions import versions
    print(versions()["onednn"])
"""


def says(**changes):
    """What a command of a process with these settings says of oneDNN."""
    environment = {**os.environ, **changes}
    ended = subprocess.run(
        [sys.executable, "-c", SAYS], env=environment, check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()


@pytest.mark.slow
def test_the_file_says_what_tensorflow_was_set_to():
    other = {"on": "0", "off": "1"}[versions()["onednn"]]
    assert says(TF_ENABLE_ONEDNN_OPTS=other) == {"0": "off", "1": "on"}[other]


@pytest.mark.skipif(not CPUINFO.exists(), reason="only Linux lists them in a file")
def test_the_instructions_are_those_of_the_processor():
    flags, found = CPUINFO.read_text().split(), versions()["instructions"].split()
    for flag, names in (("avx2", {"AVX2", "X86_V3"}), ("avx512f", {"AVX512F", "X86_V4"})):
        assert (flag in flags) == bool(names & set(found))


def test_a_run_that_continues_with_other_kernels_is_told_so(monkeypatch, tmp_path, capsys):
    (tmp_path / "versions.json").write_text(json.dumps(versions()))
    warn_of_other_versions(tmp_path)
    assert capsys.readouterr().err == ""
    now = versions()["onednn"]
    other = {"on": "off", "off": "on"}[now]
    monkeypatch.setattr(_pywrap_util_port, "IsMklEnabled", lambda: other == "on")
    assert versions() == {**versions(), "onednn": other}
    warn_of_other_versions(tmp_path)
    assert capsys.readouterr().err == (
        f"warning: the run began with other versions (onednn {now} -> {other}), so its results may "
        "differ in the last bits\n"
    )


def test_a_tensorflow_that_does_not_say_it_ends_no_run(monkeypatch):
    monkeypatch.delattr(_pywrap_util_port, "IsMklEnabled")
    assert versions()["onednn"] == "unknown"
