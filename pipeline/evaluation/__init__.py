"""Measuring judges: benchmarks on labelled tables, ablations, cross-validation, baselines, metrics."""
