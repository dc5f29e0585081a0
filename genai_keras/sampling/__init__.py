"""Sampling from networks: tokens, beam search, continuation of texts, noise."""
