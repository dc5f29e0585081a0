"""Generative models in Keras, to read, to run and to learn from."""

import importlib

__version__ = "0.1.0"

# Imported when first used, because TensorFlow takes seconds, and `--help` should not.
_PUBLIC = {
    "Flow": "genai_keras.models.flow",
    "GAN": "genai_keras.models.gan",
    "VAE": "genai_keras.models.vae",
    "LanguageModel": "genai_keras.models.language_model",
    "Seq2Seq": "genai_keras.models.seq2seq",
    "load_model": "genai_keras.runs",
    "load_run": "genai_keras.runs",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    importlib.import_module("genai_keras.backend").check_keras()
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted({*globals(), *_PUBLIC})
