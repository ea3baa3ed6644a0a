"""Neural architecture search for Inception-style networks."""

__version__ = "0.1.0.dev0"
