"""`keras.Model` subclasses, each with the training step that is its algorithm."""
