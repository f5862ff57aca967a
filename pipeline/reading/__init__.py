"""The streaming reader: one loaded model, novels to states, and the cache that keeps what was read."""
