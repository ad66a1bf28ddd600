"""Which memory answers the question."""
