"""Adapters to the outside: settings, database, doorbell, outbound HTTP, cryptography, logs."""
