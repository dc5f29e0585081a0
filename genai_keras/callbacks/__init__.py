"""Callbacks that show how a model learns: images on TensorBoard, as PNG and as animations."""
