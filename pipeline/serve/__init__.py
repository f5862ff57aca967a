"""The local page: a shelf of novels, a desk to ask at, and the reports; it stands on the commands."""
