"""The product, one folder a slice; a slice imports only what stands to its right (pyproject, import contracts)."""
