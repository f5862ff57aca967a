"""From a file to a novel, its sentences, its chunks and its characters."""
