"""What owners, leads, auditors and accountants call."""
