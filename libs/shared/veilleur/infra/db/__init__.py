"""PostgreSQL: tables' common ground, the tenant-bound transaction, row-level security, migrations."""
