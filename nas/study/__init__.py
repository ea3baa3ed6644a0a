"""A study: its trials and how they end, who may train what, and what its folder holds."""
