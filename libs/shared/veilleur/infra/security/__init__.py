"""Proofs and secrets: signed webhooks, keys handed out to callers, and columns sealed at rest."""
