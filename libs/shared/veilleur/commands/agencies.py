"""What the commands share: settings, a small pool, every agency there is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from veilleur.infra.db.faults import explain_silence
from veilleur.infra.db.session import NOBODY, Database
from veilleur.infra.doorbell import SilentBell
from veilleur.infra.settings import DatabaseSettings, list_master_keys

PAGE = 500


class MasterSettings(DatabaseSettings):
    """The database as the API reaches it, and the master keys."""

    master_key: SecretStr
    retired_master_keys: SecretStr | None = None

    @property
    def master_keys(self) -> tuple[str, ...]:
        return list_master_keys(self.master_key, self.retired_master_keys)


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(settings.database_url.get_secret_value(), bell=SilentBell(), pool_size=2)
    try:
        yield database
    except (DBAPIError, OSError) as error:
        raise explain_silence(error) or error from error
    finally:
        await database.close()


async def list_agencies(database: Database) -> AsyncIterator[UUID]:
    """By their slugs."""
    after = ""
    while True:
        async with database.transaction(NOBODY) as session:
            query = text("SELECT agency_id, slug FROM list_agencies(:after, :wanted)")
            rows = (await session.execute(query, {"after": after, "wanted": PAGE})).all()
        for row in rows:
            yield row.agency_id
        if len(rows) < PAGE:
            return
        after = rows[-1].slug
