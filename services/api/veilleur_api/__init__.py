"""The HTTP face of Veilleur: one router package an audience."""
