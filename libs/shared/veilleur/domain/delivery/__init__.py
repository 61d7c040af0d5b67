"""Callbacks on their way out: leased, signed, retried, dead-lettered."""
