"""The exercises of the notebooks: what is right, and the mistakes that are usually made."""
