"""A real installation, load on it, and one reckoning at the end."""
