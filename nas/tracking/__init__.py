"""Mirrors of a study elsewhere: Weights & Biases."""
