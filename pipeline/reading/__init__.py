"""The encoder: a language model that reads a novel once, as a stream, and the states that it had on the way."""
