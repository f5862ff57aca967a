"""Files on disk: encodings, locks, atomic writes, the cache of readings."""
