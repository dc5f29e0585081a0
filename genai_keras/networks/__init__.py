"""Builder functions that return plain Keras models."""

from genai_keras.backend import check_keras

check_keras()
