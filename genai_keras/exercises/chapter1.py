"""Chapter 1."""

EXERCISES = ()
