"""Where work on many novels is done: one after the other here, or by the workers of a Ray cluster."""
