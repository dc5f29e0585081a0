"""Arrays in, images out: what callbacks, commands and notebooks draw."""
