"""Layers of the models, each with explicit arguments, and serializable."""

from genai_keras.backend import check_keras

check_keras()
