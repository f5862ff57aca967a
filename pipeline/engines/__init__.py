"""Engines that run jobs on many novels: one after the other in this process, or by the workers of a Ray cluster."""
