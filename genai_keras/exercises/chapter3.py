"""Chapter 3."""

EXERCISES = ()
