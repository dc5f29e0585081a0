"""Chapter 5."""

EXERCISES = ()
