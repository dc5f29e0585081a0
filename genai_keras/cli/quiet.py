"""Importing this module imports TensorFlow without its notes on CPU features and missing GPUs.

C++ code writes them before any log level is read, so the file descriptor is redirected. If the
import itself fails, it raises a Python exception, which still shows.
"""

import contextlib
import os
import sys


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
with _silent_stderr():
    import tensorflow as tf

    tf.config.list_physical_devices()  # the search for GPUs prints notes, too
tf.get_logger().setLevel("ERROR")  # hints on speed, meant for programmers
