"""Shared fixtures. Tests that need data which the project does not ship skip where it is absent."""

import os
import platform
import shutil
import signal
from pathlib import Path

from genai_keras.cli.environment import USUAL

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.update(
    {**USUAL, **os.environ}
)  # as in commands, whose bits are compared with those here
if "PYTEST_XDIST_WORKER" in os.environ:
    # `make test` has a process for each core: more threads would only wait for each other.
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import keras
import portalocker
import pytest
import tensorflow as tf
from children import collect_seldom
from tensorflow.python.framework import ops

from genai_keras.data import procedural

pytest.register_assert_rewrite("helpers")
# Four devices that share the CPU, for tests of several; all others use the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
)
# What a shell starts in the background ignores Ctrl-C, but some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ARITHMETIC = (
    "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE", "TF_NUM_INTRAOP_THREADS",
)  # fmt: skip
DATA_DIR = Path(
    os.environ.get("GENAI_KERAS_DATA", Path(__file__).parents[2] / "shared" / "data")
).absolute()


def pytest_report_header():
    settings = ", ".join(f"{name}={os.environ.get(name, 'default')}" for name in ARITHMETIC)
    return f"arithmetic: {platform.machine()}, {os.cpu_count()} processors, {settings}"


def pytest_runtest_setup(item):
    limited = (
        os.environ.get("ONEDNN_MAX_CPU_ISA") and os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
    )
    if limited and item.get_closest_marker("low_precision"):
        pytest.skip("TensorFlow ends the process in a bfloat16 product if oneDNN is limited so")


def pytest_make_parametrize_id(val):
    # Bytes make poor names, and those with a time in them, as of gzip, differ between processes.
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def pytest_terminal_summary(terminalreporter):
    if terminalreporter.stats.get("failed"):
        terminalreporter.section("If it passes elsewhere")
        terminalreporter.write_line(
            "Processors round differently. Try the test alone, with TF_ENABLE_ONEDNN_OPTS=0 and "
            "with 1: a\nresult that changes has too small a margin, which is a fault of the test. "
            "See CONTRIBUTING.md, Tests."
        )


collect_seldom()
# Dates and lists to sort have few pairs for validation, but in the tests of these worlds.
ALL_PAIRS, procedural.VALIDATION = procedural.VALIDATION, 200


@pytest.fixture
def all_pairs(monkeypatch):
    monkeypatch.setattr(procedural, "VALIDATION", ALL_PAIRS)


@pytest.fixture(autouse=True)
def fresh_keras(tmp_path_factory, monkeypatch):
    """No test inherits another's random state, number format, or what is known of its files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
    # Each graph of an optimizer registers gradients, which hold it in memory for ever.
    gradients = ops.gradient_registry._registry
    for name in [name for name in gradients if name.startswith("CustomGradient-")]:
        del gradients[name]


@pytest.fixture
def data_dir():
    if not (DATA_DIR / "mnist.npz").exists():
        pytest.skip(f"needs real data: set GENAI_KERAS_DATA ({DATA_DIR} has no mnist.npz)")
    return DATA_DIR


@pytest.fixture
def few_digits(monkeypatch):
    """Few of the real digits, and few in a grid: for tests that are about the run, not the data."""
    from genai_keras.data import images

    whole = images.READERS["mnist5k"]
    monkeypatch.setitem(
        images.READERS, "mnist5k", lambda data_dir: [part[:100] for part in whole(data_dir)]
    )
    draw_few(monkeypatch)


def draw_few(monkeypatch):
    from genai_keras.callbacks.images import ImageGrid

    monkeypatch.setattr(ImageGrid.__init__, "__defaults__", (9, 0))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A function from a name in `helpers.RUNS` to the folder of a small finished run of that kind.

    Each is trained once, for all tests of all processes: they must leave it as it is.
    """
    from helpers import RUNS

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all processes
    shared = shared / "finished"
    shared.mkdir(exist_ok=True)

    def train(name):
        folder, mark = shared / name, shared / f"{name}.finished"
        with open(shared / f"{name}.lock", "w") as lock:
            portalocker.lock(lock, portalocker.LOCK_EX)  # let go when it is closed
            if not mark.exists():
                shutil.rmtree(folder, ignore_errors=True)
                main, argv = RUNS[name]
                argv = [*argv, "--epochs", "1", "--verbose", "0", "--run-dir", str(folder)]
                with pytest.MonkeyPatch.context() as monkeypatch:
                    draw_few(monkeypatch)
                    assert main(argv) == 0
                mark.touch()
        return folder

    return train
