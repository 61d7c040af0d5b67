"""Machines asked what a text is like: never before the rules need it, and never in place of them."""
