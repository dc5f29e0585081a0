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
