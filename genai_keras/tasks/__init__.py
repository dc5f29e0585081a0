"""What can be learnt: one module for each kind of thing, with all that is peculiar to it."""
