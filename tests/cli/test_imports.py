"""What Keras imports for others comes later, and is then as usual."""

import os
import subprocess
import sys

import pytest

from genai_keras.cli.imports import POSTPONED, Postponed, postponed

LATER = ("sklearn", "pandas", "matplotlib.pyplot", "IPython", "keras.wrappers")
# Every check is in a process of its own, because Keras is imported once.
COMMAND = f"""
import sys
from genai_keras.cli.environment import own_settings
with own_settings():
    pass
assert "keras" in sys.modules
assert not set({LATER!r}) & set(sys.modules)
from genai_keras.cli.imports import Postponed
assert not [name for name, each in sys.modules.items() if isinstance(each, Postponed)]
"""
WANTED_LATER = """
import keras, numpy, os, pandas
assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
from matplotlib import pyplot
from sklearn.base import BaseEstimator
assert issubclass(keras.wrappers.SKLearnClassifier, BaseEstimator)
from keras.src.trainers.data_adapters import array_slicing
frame = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
assert array_slicing.can_slice_array(frame) and not array_slicing.can_slice_array([1])
model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
numpy.testing.assert_allclose(model.predict(frame, verbose=0)[:, 0], [1, 1, 3, 3])
assert keras.src.visualization.plot_image_gallery.plt.figure is pyplot.figure
assert keras.src.saving.file_editor.is_ipython_notebook() is False
"""
LIBRARY = """
import sys
from genai_keras import GAN
import os
assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
assert "sklearn" in sys.modules and "keras.wrappers" in sys.modules
"""
ALONE = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [COMMAND + WANTED_LATER, LIBRARY],
    ids=["command", "library"],
)
def test_only_commands_postpone_and_keras_works_if_they_are_wanted_later(script):
    ended = subprocess.run(
        [sys.executable, "-c", script], env=ALONE, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


def test_where_keras_is_imported_already_nothing_is_postponed(monkeypatch):
    for name in POSTPONED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = set(sys.modules)
    with postponed():
        assert set(sys.modules) == before


def test_a_failed_import_of_keras_leaves_nothing_behind(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras")
    for name in POSTPONED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ZeroDivisionError), postponed():
        assert isinstance(sys.modules["pandas"], Postponed)
        assert not hasattr(sys.modules["pandas"], "read_csv")  # who looks does not import it
        raise ZeroDivisionError
    assert not set(POSTPONED) & set(sys.modules)


def test_a_postponed_module_gives_what_the_module_has(monkeypatch):
    module, there = Postponed("colorsys"), Postponed("pandas")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert module.rgb_to_hsv(1, 0, 0) == (0.0, 1.0, 1.0)
    with pytest.raises(AttributeError, match="colorsys"):
        _ = module.nothing_of_this_name
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    assert not isinstance(3, there.DataFrame) and "pandas" not in sys.modules
    import pandas

    assert isinstance(pandas.DataFrame(), there.DataFrame)
    assert not isinstance(pandas.Series([1]), there.DataFrame)
