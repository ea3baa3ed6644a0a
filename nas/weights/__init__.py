"""Weights that travel: published ones into our networks, and ours out under the names that others use."""

from nas.weights.transfer import Loaded, export_weights, load_weights

__all__ = ["Loaded", "export_weights", "load_weights"]
