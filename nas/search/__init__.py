"""The study: propose, afford, train, tell, and what is left at the end."""
