"""Builder functions that return plain Keras models."""
