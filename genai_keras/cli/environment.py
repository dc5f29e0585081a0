"""Settings that other programs left: they must not change what a command does."""

import contextlib
import os
import platform
import sys
import warnings

from genai_keras.backend import import_keras
from genai_keras.cli.imports import postponed

OURS = {"KERAS_BACKEND": "tensorflow"}
# Unless the user has chosen. TensorFlow itself leaves oneDNN off on some processors, such as those
# without AVX-512; docs/benchmarks.md has what was measured.
USUAL = {"TF_ENABLE_ONEDNN_OPTS": "1"} if platform.machine() in ("x86_64", "AMD64") else {}
OVERWRITTEN = ("TF_CPP_MIN_LOG_LEVEL",)
# They would shorten every run, choose another Keras, or end the process over an unknown value.
REMOVED = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "TF_USE_LEGACY_KERAS", "TF_CONFIG")
POSITIVE = ("COLUMNS", "LINES", "OMP_NUM_THREADS")  # useless unless they are such numbers


@contextlib.contextmanager
def own_settings(debug=False, in_cluster=False, keras=True):
    """Imports TensorFlow and Keras with our settings; in the end, the former ones are back.

    Args:
        debug: whether TensorFlow may print its notes, and Python the warnings that were asked for.
        in_cluster: whether `TF_CONFIG` is of use.
        keras: whether it uses Keras at all.

    Raises:
        UserError: one of the two cannot be imported, or Keras runs with another backend already.
    """
    if not keras:
        yield
        return
    names = (*OURS, *USUAL, *OVERWRITTEN, *REMOVED, *POSITIVE)
    former = {name: os.environ.get(name) for name in names}
    os.environ.update(OURS)
    os.environ.update({name: value for name, value in USUAL.items() if not former[name]})
    useless = [name for name in POSITIVE if former[name] and not _is_positive(former[name])]
    for name in {*REMOVED, *useless} - ({"TF_CONFIG"} if in_cluster else set()):
        os.environ.pop(name, None)
    try:
        with contextlib.ExitStack() as undone:
            if sys.warnoptions and not debug:  # such as PYTHONWARNINGS=error
                undone.enter_context(warnings.catch_warnings())
                _show_usual_warnings()
            with postponed():
                if not debug:
                    # If a worker is lost, TensorFlow prints pages of errors, and we a line.
                    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3" if in_cluster else "2"
                    import genai_keras.cli.quiet  # noqa: F401
                config = import_keras().config
            _set_keras(config, undone)
            yield
    finally:
        for name, value in former.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _set_keras(config, undone):
    """Sets what ~/.keras/keras.json may have set."""
    for read, write, ours in (
        (config.floatx, config.set_floatx, "float32"),
        (config.epsilon, config.set_epsilon, 1e-7),
        (config.image_data_format, config.set_image_data_format, "channels_last"),
    ):
        undone.callback(write, read())
        write(ours)


def _is_positive(text):
    return text.isascii() and text.isdigit() and int(text) > 0


def _show_usual_warnings():
    """The filters with which Python starts."""
    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)
