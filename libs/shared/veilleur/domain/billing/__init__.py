"""From usage records to an invoice anyone can add up again."""
