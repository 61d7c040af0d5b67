"""The application over HTTP, one folder an audience."""
