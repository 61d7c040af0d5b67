"""Row-level security, the same for every tenanted table, written into migrations.

A table with a `client_id` has two faces: members' and workers' transactions see the agency's rows, and the role
`veilleur_client` only those of `app.client_id` as well. An unset setting reads as null and matches nothing.
"""

AGENCY = "nullif(current_setting('app.agency_id', true), '')::uuid"
CLIENT = "nullif(current_setting('app.client_id', true), '')::uuid"

OUTSIDE_THE_WALLS = ("departures", "work_hints")
"""Tables that name agencies and belong to none: no content, and read before or after an agency is."""

AGENCY_ROLES = "veilleur_app, veilleur_worker, veilleur_owner"


def tenant_statements(table: str, *, client_column: str | None) -> list[str]:
    """Force row-level security on `table`; `client_column` opens it to the client it names, None keeps clients out."""
    mine = f"agency_id = {AGENCY}"
    statements = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY agency ON {table} FOR ALL TO {AGENCY_ROLES} USING ({mine}) WITH CHECK ({mine})",
    ]
    if client_column is not None:
        own = f"{mine} AND {client_column} = {CLIENT}"
        statements.append(
            f"CREATE POLICY client ON {table} FOR ALL TO veilleur_client USING ({own}) WITH CHECK ({own})"
        )
    return statements


def lookup_statement(table: str) -> str:
    """Let the owner's SECURITY DEFINER look-ups, and nothing else, find rows before the tenant is known."""
    return f"CREATE POLICY lookup ON {table} FOR SELECT TO veilleur_owner USING (true)"


def append_only_statements(table: str) -> list[str]:
    """Refuse UPDATE, DELETE and TRUNCATE, whoever asks."""
    return [
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()",
    ]
