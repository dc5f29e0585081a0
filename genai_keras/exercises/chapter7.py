"""Chapter 7."""

EXERCISES = ()
