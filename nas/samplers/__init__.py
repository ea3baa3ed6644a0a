"""Samplers of our own for Optuna: each decides on a whole document of a search space at once (no torch)."""

SCREEN = "screen"
"""The user attribute of a trial that holds the first objective after a brief training, which decided on the full one.

Trials that got no full one are told as pruned, without intermediate values."""
