"""One command for a fresh machine: embedded engines, roles, schema, demo agency, API and worker."""
