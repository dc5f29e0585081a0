"""Generative models in Keras, to read, to run and to learn from."""

__version__ = "0.1.0"
