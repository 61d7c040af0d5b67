"""New agencies and clients start with everything they need to work."""
