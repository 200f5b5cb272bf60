"""From a table to a trained network, and what is said of it."""
