"""Which schemas this code can live with.

Revisions are numbered in their order. A process needs the newest one it knows; it also lives with newer ones as long
as those still serve it: `veilleur migrate` writes into the database from which code on its schema serves, so that the
code of one release runs on the schema of the next while the machines are replaced one by one.
"""

import re
from enum import StrEnum
from functools import cache
from importlib.resources import files

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.db.session import NOBODY, Database

SERVES_FROM = "0023"
"""The oldest code, named by its newest revision, that runs on the schema of this release: the release before's."""

_NOTE = "serves code from {}"
_READ = """
SELECT v.version_num AS revision, obj_description('alembic_version'::regclass, 'pg_class') AS note
FROM alembic_version v
"""


class SchemaFit(StrEnum):
    FITS = "fits"
    OLDER = "older"
    """Also: there is none yet."""
    NEWER = "newer"


class UnfitSchemaError(CannotStart):
    """The schema is not one that this code can work with."""


@cache
def newest_revision() -> str:
    """The newest revision that this code knows."""
    names = (entry.name for entry in (files("veilleur.infra.db") / "migrations" / "versions").iterdir())
    return max(name[:4] for name in names if re.match(r"\d{4}_\w+\.py$", name))


def judge_schema(revision: str | None, serves_from: str | None, known: str) -> SchemaFit:
    """Whether code that knows `known` can work on a schema of `revision` that serves code from `serves_from` on."""
    if revision is None or revision < known:
        return SchemaFit.OLDER
    if revision > known and (serves_from is None or serves_from > known):
        return SchemaFit.NEWER
    return SchemaFit.FITS


def serving_statement() -> str:
    """What `veilleur migrate` notes when the schema is at this code's newest revision."""
    return f"COMMENT ON TABLE alembic_version IS '{_NOTE.format(SERVES_FROM)}'"


async def read_schema(session: AsyncSession) -> tuple[str | None, str | None]:
    """The revision of the schema, and from which code on it serves; None where nobody migrated yet."""
    exists = await session.execute(text("SELECT to_regclass('public.alembic_version') IS NOT NULL"))
    row = (await session.execute(text(_READ))).one_or_none() if exists.scalar_one() else None
    if row is None:
        return None, None
    noted = re.fullmatch(_NOTE.format(r"(\d{4})"), row.note or "")
    return row.revision, noted[1] if noted else None


async def refuse_unfit_schema(database: Database) -> None:
    """Raise `UnfitSchemaError` where this process must not start."""
    async with database.transaction(NOBODY) as session:
        revision, serves_from = await read_schema(session)
    known = newest_revision()
    fit = judge_schema(revision, serves_from, known)
    if fit is SchemaFit.OLDER:
        raise UnfitSchemaError(f"The schema is at {revision}, this code needs {known}: run `veilleur migrate` first.")
    if fit is SchemaFit.NEWER:
        raise UnfitSchemaError(f"The schema is at {revision} and no longer serves code of {known}: start newer code.")
