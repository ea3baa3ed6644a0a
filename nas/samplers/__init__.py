"""Samplers of our own for Optuna: each decides on a whole document of a search space at once (no torch)."""
