"""Layers of the models, each with explicit arguments, and serializable."""
