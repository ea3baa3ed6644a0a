"""Training one candidate; knows nothing of searching."""
