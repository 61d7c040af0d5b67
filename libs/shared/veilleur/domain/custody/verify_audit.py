"""Checking an agency's trail from its first entry to its last, a seal at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import func, select

from veilleur.domain.audit.inspect_seals import Finding, Sealed, inspect_seal
from veilleur.domain.audit.merkle import Head
from veilleur.domain.audit.queries import LONGEST_S, find_orphans, list_places, list_seals
from veilleur.domain.custody.signing import is_signed, load_known_keys
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.security.sealing import Sealer

SEALS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Verified:
    """How far the trail holds, and the first thing that is wrong."""

    seals: int
    entries: int
    finding: Finding | None
    unsealed: int = 0
    head: Head | None = None


async def verify_trail(
    database: Database, masters: Sealer, agency_id: UUID, witnessed: Mapping[int, str] | None = None
) -> Verified:
    """Check every seal and every row under it. `witnessed` are roots by the number of their seal, kept elsewhere: only
    they tell of a tail that was cut off whole.
    """
    scope = Scope(agency_id)
    async with database.transaction(scope) as session:
        keys = await load_known_keys(session, masters)
    roots = dict(witnessed or {})
    previous: Head | None = None
    seals = entries = 0
    while True:
        async with database.transaction(scope) as session:
            batch = await list_seals(session, agency_id, seals, SEALS_AT_ONCE)
        for sealed in batch:
            async with database.transaction(scope) as session:
                places = await list_places(session, agency_id, sealed.head)
            finding = inspect_seal(sealed, previous, places, _checker(keys)) or _compare(sealed.head, roots)
            if finding is not None:
                return Verified(seals, entries, finding, head=previous)
            previous, seals = sealed.head, seals + 1
            entries += len(places)
        if len(batch) < SEALS_AT_ONCE:
            break
    if roots:
        place = 1 if previous is None else previous.last_place + 1
        return Verified(seals, entries, Finding("tail_cut", min(roots), place), head=previous)
    finding, unsealed = await _look_beyond(database, scope, agency_id, previous)
    return Verified(seals, entries, finding, unsealed, previous)


def _checker(keys: Mapping[str, ECKey]) -> Callable[[Sealed], bool]:
    return lambda sealed: is_signed(sealed, keys)


def _compare(head: Head, roots: dict[int, str]) -> Finding | None:
    """Against what somebody else has kept of this seal."""
    witnessed = roots.pop(head.number, None)
    if witnessed is None or witnessed == head.root.hex():
        return None
    return Finding("root", head.number, head.first_place)


async def _look_beyond(
    database: Database, scope: Scope, agency_id: UUID, last: Head | None
) -> tuple[Finding | None, int]:
    """Entries without a place: new ones wait for their seal; older ones than the last seal were put there later, and
    with no seal for a minute nobody seals.
    """
    unsealed = 0
    after: UUID | None = None
    while True:
        async with database.transaction(scope) as session:
            rows = await find_orphans(session, agency_id, after, 1_000)
            present = (await session.execute(select(func.app_now()))).scalar_one()
        for row in rows:
            number = 1 if last is None else last.number
            if last is not None and row.at < last.sealed_at - timedelta(seconds=LONGEST_S):
                return Finding("inserted", number, entry_id=row.id), unsealed
            if row.at < present - timedelta(seconds=LONGEST_S):
                return Finding("unsealed", number, entry_id=row.id), unsealed
            unsealed, after = unsealed + 1, row.id
        if len(rows) < 1_000:
            return None, unsealed
