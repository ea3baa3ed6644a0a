"""Networks to take away: as Python, weights, graphs for other runtimes, pictures and a card."""
