"""Veilleur: the back office of a moderation agency."""
