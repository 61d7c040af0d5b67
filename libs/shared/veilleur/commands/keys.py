"""`veilleur keys status | rewrap`: which master keys are in use, and taking the current one for all data keys.

To change the master key: set VEILLEUR_MASTER_KEY to the new one and VEILLEUR_RETIRED_MASTER_KEYS to the old, restart
the services, run `veilleur keys rewrap`, and drop the old one when `veilleur keys status` no longer names it. Data is
sealed with data keys, which stay as they are: none of it is rewritten.
"""

import argparse
import asyncio
import sys
from collections import Counter

from sqlalchemy import select, update

from veilleur.commands.agencies import MasterSettings, list_agencies, open_database
from veilleur.domain.tenancy.keyring import rewrap_keys
from veilleur.domain.tenancy.models import DataKey, IssuerKey
from veilleur.infra.db.session import NOBODY, Database, Scope
from veilleur.infra.security.sealing import Sealer, read_key_id
from veilleur.infra.settings import read_settings


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="veilleur keys", description=__doc__)
    parser.add_argument("command", choices=["status", "rewrap"])
    return asyncio.run(_run(parser.parse_args(arguments).command))


async def rewrap(database: Database, masters: Sealer) -> int:
    """Seal every data key and token key with the current master key; how many were sealed with another."""
    rewrapped = 0
    async with database.transaction(NOBODY) as session:
        for row in (await session.scalars(select(IssuerKey).with_for_update())).all():
            if read_key_id(row.sealed) != masters.current:
                place = f"issuer_keys|{row.kid}"
                sealed = masters.seal(masters.open(row.sealed, place), place)
                await session.execute(update(IssuerKey).where(IssuerKey.kid == row.kid).values(sealed=sealed))
                rewrapped += 1
    async for agency_id in list_agencies(database):
        async with database.transaction(Scope(agency_id)) as session:
            rewrapped += await rewrap_keys(session, masters, agency_id)
    return rewrapped


async def count_masters(database: Database) -> Counter[str]:
    """How many keys are sealed with each master key, by its id."""
    async with database.transaction(NOBODY) as session:
        used = Counter(read_key_id(sealed) for sealed in await session.scalars(select(IssuerKey.sealed)))
    async for agency_id in list_agencies(database):
        async with database.transaction(Scope(agency_id)) as session:
            query = select(DataKey.sealed).where(DataKey.agency_id == agency_id)
            used.update(read_key_id(sealed) for sealed in await session.scalars(query))
    return used


async def _run(command: str) -> int:
    settings = read_settings(MasterSettings)
    masters = Sealer.from_master_key(*settings.master_keys)
    async with open_database(settings) as database:
        if command == "rewrap":
            sys.stdout.write(f"sealed anew with {masters.current}: {await rewrap(database, masters)}\n")
        for key_id, count in sorted((await count_masters(database)).items()):
            known = "current" if key_id == masters.current else "retired" if key_id in masters.key_ids else "UNKNOWN"
            sys.stdout.write(f"{key_id} {known}: seals {count} keys\n")
    return 0
