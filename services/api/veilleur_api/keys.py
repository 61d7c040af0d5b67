"""`veilleur signing-keys list|rotate`: the keys that access tokens are signed with.

veilleur signing-keys list
veilleur signing-keys rotate             publish a new key, let it sign in ten minutes, keep the old ones a day more
veilleur signing-keys rotate --at-once   for a key that leaked: every token there is stops being good within 5 s
"""

import argparse
import asyncio
import sys

from sqlalchemy import select

from veilleur.domain.tenancy.models import IssuerKey
from veilleur.domain.tenancy.rotate_signing_key import AT_ONCE, Rotation, rotate_signing_key
from veilleur.infra.db.session import NOBODY, Database
from veilleur.infra.settings import Settings, read_settings
from veilleur.kernel.clock import to_rfc3339
from veilleur_api.parts import build_parts


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="veilleur signing-keys", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["list", "rotate"])
    parser.add_argument("--at-once", action="store_true", help="refuse whatever the old keys signed, from now on")
    options = parser.parse_args(arguments)
    asyncio.run(_run(options.what, AT_ONCE if options.at_once else Rotation()))
    return 0


async def _run(what: str, rotation: Rotation) -> None:
    parts = build_parts(read_settings(Settings))
    try:
        if what == "rotate":
            async with parts.database.transaction(NOBODY) as session:
                await rotate_signing_key(session, parts.sealer, rotation)
        for line in await list_signing_keys(parts.database):
            sys.stdout.write(line + "\n")
    finally:
        await parts.bell.close()
        await parts.http.aclose()
        await parts.intake_database.close()
        await parts.database.close()


async def list_signing_keys(database: Database) -> list[str]:
    """A line a key: its id, from when it signs, until when what it signed is good."""
    async with database.transaction(NOBODY) as session:
        rows = await session.scalars(select(IssuerKey).order_by(IssuerKey.signs_from, IssuerKey.kid))
        return [
            f"{row.kid}  signs from {to_rfc3339(row.signs_from)}"
            + (f", good until {to_rfc3339(row.retired_at)}" if row.retired_at else "")
            for row in rows
        ]
