"""Benchmarks: one module each; ``python -m benchmarks`` runs them after their tests are green."""
