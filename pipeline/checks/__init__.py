"""Explicit checks: the words of a claim held to the words of its passages, by rules that can be read."""
