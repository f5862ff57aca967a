"""Labelled tables: rows, predictions, and tables of any length as streams."""
