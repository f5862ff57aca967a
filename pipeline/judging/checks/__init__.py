"""Explicit checks of dates, ages, numbers, kinship, life and death."""
