"""How samples are drawn from networks: tokens and their search, continued texts, noise."""
