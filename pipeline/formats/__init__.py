"""Manuscripts in the formats people write in: each becomes plain text with the places where its parts begin."""
