"""Images for training: loaded once, checked, in memory or memory-mapped."""
