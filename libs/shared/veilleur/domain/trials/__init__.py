"""Trying a rule set before and beside the one in force: backtests, shadows, the guard before a publish, tuning."""
