"""What client platforms call: webhooks in, items back."""
