"""Random little programs around one compiled function, and what they do without and with it."""
