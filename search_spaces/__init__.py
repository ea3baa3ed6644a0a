"""What may be found: search spaces, their parts, and the published networks, as documents."""
