"""Files on disk: encodings, locks, atomic writes, the caches of readings and of answers."""
