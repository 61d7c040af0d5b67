"""The French text of every message, under its English template (see `messages.py`)."""

FRENCH: dict[str, str] = {}
