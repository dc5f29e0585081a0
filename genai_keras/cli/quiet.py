"""Importing this module imports TensorFlow without its notes on CPU features and missing GPUs.

C++ code writes them before any log level is read, so the file descriptor is redirected. If the
import itself fails, it raises a Python exception, which still shows.
"""

import contextlib
import logging
import os
import platform
import sys

from genai_keras.backend import import_keras, import_matplotlib
from genai_keras.errors import UserError, one_line


@contextlib.contextmanager
def _silent_stderr():
    if sys.stderr is None:  # closed, as by `2>&-`
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # `own_settings` sets it, too
logging.getLogger("matplotlib").setLevel("ERROR")  # settings it does not know, and its fonts
import_matplotlib()
try:
    with _silent_stderr():
        with contextlib.suppress(ImportError):  # of TensorFlow, which comes next
            import keras  # noqa: F401  first, because TensorFlow also reads its settings
        import tensorflow as tf

        tf.config.list_physical_devices()  # the search for GPUs prints notes, too
except Exception as error:  # its parts raise errors of many types
    if not isinstance(error, ImportError):
        import_keras()  # raises the error of its settings, if they are the cause
    raise UserError(
        f"TensorFlow cannot be imported ({one_line(error)}) by Python "
        f"{platform.python_version()} on {platform.system()} {platform.machine()}: "
        "docs/install.md lists what is supported"
    ) from error
tf.get_logger().setLevel("ERROR")  # hints on speed, meant for programmers
