"""The exercises of the notebooks: the right answers and the usual mistakes."""
