"""Tasks: one module for each kind of data, with everything that is specific to it."""
