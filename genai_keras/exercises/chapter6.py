"""Chapter 6."""

EXERCISES = ()
