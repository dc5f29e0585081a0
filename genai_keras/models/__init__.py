"""`keras.Model` subclasses, each with a training step that is its algorithm."""
