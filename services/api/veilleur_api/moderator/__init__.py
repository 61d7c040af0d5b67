"""What moderators call: claim, keep, decide."""
