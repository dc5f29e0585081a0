"""Keras with TensorFlow, and Matplotlib, whatever other programs have these do."""

import contextlib
import os
import sys
from pathlib import Path

from genai_keras.errors import UserError, one_line


def import_keras():
    """Imports Keras, and returns it.

    Raises:
        UserError: it computes with another backend, or its own settings keep it from starting.
    """
    import_matplotlib()  # Keras does so, too, and would stop at its settings
    settings = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "keras.json"
    way_out = (
        "set KERAS_BACKEND=tensorflow before Keras is first imported, and if that does not help, "
        f"correct or delete {settings}"
    )
    try:
        import keras
    except Exception as error:  # a backend that is not installed, or a keras.json that is broken
        raise UserError(f"Keras cannot be imported ({one_line(error)}): {way_out}") from error
    if (backend := keras.config.backend()) != "tensorflow":
        raise UserError(f"genai_keras needs Keras with TensorFlow, not with {backend}: {way_out}")
    return keras


def check_keras():
    """Raises a `UserError` if Keras is set up in a way that models of this package cannot use."""
    if (chosen := import_keras().config.image_data_format()) != "channels_last":
        raise UserError(
            f"images have their channels last here, but Keras is set to {chosen}: first call "
            'keras.config.set_image_data_format("channels_last")'
        )


def import_matplotlib():
    """Imports Matplotlib, even if MPLBACKEND names a backend that only another notebook has.

    Raises:
        UserError: a `matplotlibrc` keeps it from starting.
    """
    chosen = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    except ValueError as error:
        raise UserError(
            f"Matplotlib cannot be imported ({one_line(error)}): correct its settings in the file "
            "matplotlibrc"
        ) from None
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen
    if chosen:  # nothing here opens a window, but the user's own program may
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = chosen
    return matplotlib
