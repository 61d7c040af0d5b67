"""Calls to addresses that somebody else chose: where they may go, and how much of the answer is read."""
