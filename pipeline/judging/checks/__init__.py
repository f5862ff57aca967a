"""Explicit checks of dates, ages, numbers, kinship, life and death: shown, without weight in a verdict."""
