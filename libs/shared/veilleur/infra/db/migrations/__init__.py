"""Alembic's revisions; run by `veilleur migrate`."""
