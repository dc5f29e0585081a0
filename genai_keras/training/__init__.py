"""Everything around `fit`: the run folder, checkpoints, resuming, stopping."""
