"""Importing this module imports TensorFlow without its notes on CPU features and missing GPUs.

C++ code writes them before any log level is read, so the file descriptor is redirected. If the
import itself fails, it raises a Python exception, which still shows.
"""

import contextlib
import os
import platform
import sys

from genai_keras.errors import UserError


@contextlib.contextmanager
def _silent_stderr():
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
try:
    with _silent_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()  # the search for GPUs prints notes, too
except ImportError as error:
    raise UserError(
        f"TensorFlow cannot be imported ({error}) by Python {platform.python_version()} on "
        f"{platform.system()} {platform.machine()}: docs/install.md lists what is supported"
    ) from error
tf.get_logger().setLevel("ERROR")  # hints on speed, meant for programmers
