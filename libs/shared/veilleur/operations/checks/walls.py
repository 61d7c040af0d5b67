"""The walls between agencies: roles that row-level security binds, and tables it is forced on."""

from sqlalchemy import text

from veilleur.infra.db.rls import OUTSIDE_THE_WALLS
from veilleur.infra.db.session import NOBODY, Database
from veilleur.infra.settings import Settings
from veilleur.kernel.messages import msg
from veilleur.operations.finding import Finding, Level

ROLES = ("veilleur_owner", "veilleur_app", "veilleur_worker", "veilleur_client")

_OWN = text("SELECT rolname, rolsuper OR rolbypassrls AS unsafe FROM pg_roles WHERE rolname = current_user")
_OTHERS = text(
    "SELECT rolname, rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication AS mighty"
    " FROM pg_roles WHERE rolname = ANY(:roles)"
)
_BACKUP = text("SELECT rolsuper FROM pg_roles WHERE rolname = 'veilleur_backup'")
_OPEN = text("""
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'agency_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND c.relname <> ALL(:outside)
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity
           AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'agency' AND p.polcmd = '*'))
ORDER BY 1
""")
_FOREIGN = text("""
SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = 'public'::regnamespace
  AND (pg_get_userbyid(relowner) <> 'veilleur_owner' OR relkind = 'm'
       OR relkind = 'v' AND NOT coalesce(reloptions @> '{security_invoker=true}', false))
ORDER BY 1
""")


async def check_own_role(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        role = (await session.execute(_OWN)).one()
    if role.unsafe:
        told = msg("The role {role} sees every agency: no process starts with it", role=role.rolname)
        mend = msg("Connect the API as veilleur_app and the workers as veilleur_worker (deploy/roles.sql)")
        return [Finding(Level.FAULT, "roles", told, mend)]
    return [Finding(Level.WELL, "roles", msg("Row-level security binds the role {role}", role=role.rolname))]


async def check_other_roles(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        rows = {row.rolname: row.mighty for row in await session.execute(_OTHERS, {"roles": list(ROLES)})}
        backup = (await session.execute(_BACKUP)).one_or_none()
    missing = [role for role in ROLES if role not in rows]
    mighty = [role for role in ROLES if rows.get(role)]
    mend = msg("Run deploy/roles.sql again: it makes what is missing and takes away what is too much")
    findings = []
    if missing:
        findings.append(Finding(Level.FAULT, "roles", msg("These roles are missing: {roles}", roles=missing), mend))
    if mighty:
        told = msg("These roles have powers they must not have: {roles}", roles=mighty)
        findings.append(Finding(Level.FAULT, "roles", told, mend))
    if backup is None:
        told = msg("There is no role veilleur_backup: `veilleur backup` has nobody to read as")
        make = msg("Run deploy/roles.sql with -v backup_password=…, or rely on your provider's backups")
        findings.append(Finding(Level.NOTE, "roles", told, make))
    return findings


async def check_tables(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        opened = list(await session.scalars(_OPEN, {"outside": list(OUTSIDE_THE_WALLS)}))
        foreign = list(await session.scalars(_FOREIGN))
    findings = []
    if opened:
        told = msg("Row-level security is not forced, or has no policy, on: {tables}", tables=opened)
        mend = msg("Somebody changed the schema by hand: restore ENABLE, FORCE and the policy `agency` at once")
        findings.append(Finding(Level.FAULT, "walls", told, mend))
    if foreign:
        told = msg("These do not belong to veilleur_owner, or pass by row-level security: {tables}", tables=foreign)
        mend = msg("Give them to veilleur_owner, or drop them: nothing of ours makes such tables or views")
        findings.append(Finding(Level.WARNING, "walls", told, mend))
    return findings or [Finding(Level.WELL, "walls", msg("Row-level security is forced on every table of agencies"))]
