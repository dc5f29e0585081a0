"""Callbacks that show how a model learns: pictures on TensorBoard, as PNG and as films."""
