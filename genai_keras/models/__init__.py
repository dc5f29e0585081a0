"""`keras.Model` subclasses, each with a training step that is its algorithm."""

from genai_keras.backend import check_keras

check_keras()
