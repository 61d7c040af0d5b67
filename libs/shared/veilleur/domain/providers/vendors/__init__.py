"""One file a vendor: how it is asked and how its answer is read."""
