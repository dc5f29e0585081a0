"""Chapter 2."""

EXERCISES = ()
