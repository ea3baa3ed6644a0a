"""How to run: the configuration that Hydra composes."""
