"""Shared fixtures. Tests that need data which the project does not ship skip where it is absent."""

import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import pytest

pytest.register_assert_rewrite("helpers")

DATA_DIR = Path(
    os.environ.get("GENAI_KERAS_DATA", Path(__file__).parents[2] / "shared" / "data")
).absolute()


@pytest.fixture(autouse=True)
def fresh_keras():
    """No test inherits another's random state or number format."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


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
    from genai_keras.callbacks.pictures import ImageGrid

    monkeypatch.setattr(ImageGrid.__init__, "__defaults__", (9, 0, -1.0))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A function from a name in `helpers.RUNS` to the folder of a small finished run of that kind.

    Each is trained once, for all tests: they must leave it as it is.
    """
    from helpers import RUNS

    folders = {}

    def train(name):
        if name not in folders:
            folder = tmp_path_factory.mktemp("finished") / name
            main, argv = RUNS[name]
            with pytest.MonkeyPatch.context() as monkeypatch:
                draw_few(monkeypatch)
                assert (
                    main([*argv, "--epochs", "1", "--verbose", "0", "--run-dir", str(folder)]) == 0
                )
            folders[name] = folder
        return folders[name]

    return train
