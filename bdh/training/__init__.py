"""Optimisation of BDH models: data, schedule, loop, and many processes. Printing and saving belong to the caller."""
