"""The worker: drains what the database holds, woken by arq, never depending on it."""
