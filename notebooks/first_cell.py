# If genai_keras is not installed, as on Colab, this cell gets it from the project's address.
import importlib.util
import subprocess
import sys

ADDRESS = ""
if importlib.util.find_spec("genai_keras") is None:
    if not ADDRESS:
        raise ModuleNotFoundError(
            "genai_keras is not installed here, and this notebook has no address to get it from. "
            "In your copy of the project, run `python -m pip wheel --no-deps .`, upload the .whl "
            "file here, run `%pip install` with its name, and run this cell again."
        )
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", f"git+{ADDRESS}"], check=True
    )

import genai_keras.cli.quiet  # TensorFlow starts without its notes on this machine
