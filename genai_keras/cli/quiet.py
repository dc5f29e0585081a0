"""Importing this imports TensorFlow without its page of notes on CPU features and absent GPUs.

They are written by C++ before any log level is read, so the file descriptor has to be turned away;
failures of the import itself are Python's exceptions and still show.
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

    tf.config.list_physical_devices()  # looks for GPUs, which has notes of its own
tf.get_logger().setLevel("ERROR")  # hints on speed, for whoever wrote the program
