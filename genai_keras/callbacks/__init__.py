"""Callbacks that show how a model learns: as PNG images, as animations and on TensorBoard."""
