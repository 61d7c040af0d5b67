"""Every check in its order; one that fails by itself is a finding too, and the others go on."""

from collections.abc import Awaitable, Callable
from itertools import chain

from veilleur.infra.db.session import Database
from veilleur.infra.doorbell import SilentBell
from veilleur.infra.settings import Settings
from veilleur.kernel.messages import msg
from veilleur.operations.checks import backups, outside, reach, redis, restores, server, walls, work
from veilleur.operations.finding import Finding, Level

Look = Callable[[Settings, Database], Awaitable[list[Finding]]]

OF_THE_DATABASE: tuple[tuple[str, Look], ...] = (
    ("schema", server.check_schema),
    ("roles", walls.check_own_role),
    ("roles", walls.check_other_roles),
    ("walls", walls.check_tables),
    ("database", server.check_durability),
    ("database", server.check_limits),
    ("clock", server.check_clock),
    ("keys", server.check_keys),
    ("restore", restores.check_mark),
    ("restore", restores.check_erasures),
    ("workers", work.check_workers),
    ("work", work.check_late_work),
    ("work", work.check_agencies),
)
OF_THE_REST: tuple[tuple[str, Look], ...] = (
    ("redis", redis.check_redis),
    ("address", outside.check_address),
    ("egress", outside.check_egress),
    ("mail", outside.check_mail),
    ("operator", outside.check_operator),
    ("disk", backups.check_disk),
    ("backup", backups.check_backups),
)


async def examine(settings: Settings) -> list[Finding]:
    """All findings, what is well included."""
    url = settings.database_url.get_secret_value()
    findings = await reach.check_database(url)
    database = Database(url, bell=SilentBell(), pool_size=2)
    try:
        checks = [*(OF_THE_DATABASE if findings[0].level < Level.FAULT else ()), *OF_THE_REST]
        return [*findings, *chain.from_iterable([await _look(*check, settings, database) for check in checks])]
    finally:
        await database.close()


async def _look(part: str, check: Look, settings: Settings, database: Database) -> list[Finding]:
    try:
        return await check(settings, database)
    except Exception as error:  # noqa: BLE001 - a doctor who faints helps nobody
        kind = type(error).__name__
        return [Finding(Level.WARNING, part, msg("This could not be looked at ({kind})", kind=kind))]
