"""Sources of samples, and the batches made of them."""
