"""Agencies and who belongs to them: clients, sources, members, credentials, token issuers."""
