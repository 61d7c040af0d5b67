"""After a restore: asking once more for erasures that the database does not know of any more.

The receipt keeps its id, so whoever asked the first time finds it again. It goes on in the worker like any other.
"""

import json

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.depart import Leave, find_departure, let_agency_go
from veilleur.domain.custody.journal import Entry
from veilleur.domain.custody.models import Erasure
from veilleur.domain.custody.request_erasure import Wanted, request_erasure
from veilleur.domain.custody.subject import Subject
from veilleur.domain.tenancy.models import Agency, Client
from veilleur.infra.security.sealing import Sealer
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id

ACTOR = "operator"


async def is_missing(session: AsyncSession, entry: Entry) -> bool:
    """Whether what the journal names is here, and its erasure is not."""
    if await session.get(Agency, entry.agency_id) is None or await find_departure(session, entry.agency_id) is not None:
        return False
    if entry.kind == "agency":
        return True
    if await session.get(Client, (entry.agency_id, entry.client_id)) is None:
        return False
    known = await session.get(Erasure, (entry.agency_id, entry.erasure_id))
    return known is None or (known.state != "finished" and known.requested_at < entry.requested_at)


async def repeat_erasure(session: AsyncSession, masters: Sealer, entry: Entry) -> bool:
    """Ask for it again; False when there is no need. `SealBroken` for an entry that this master key does not open;
    `Conflict` for an agency that legal holds keep.
    """
    if not await is_missing(session, entry):
        return False
    opened = masters.open(entry.sealed, entry.place).decode()
    if entry.kind == "agency":
        said = json.loads(opened)
        await let_agency_go(session, entry.agency_id, Leave(said["reason"], said["documents"]))
        return True
    wanted = Wanted(entry.kind, Subject.read(opened), ACTOR, entry.erasure_id)
    erasure = await request_erasure(session, masters, entry.agency_id, wanted)
    details = {"requested_at": to_rfc3339(entry.requested_at)}
    deed = Deed(ACTOR, "erasure.repeated", show_id("ers", erasure.id), erasure.client_id, details)
    await record_deeds(session, entry.agency_id, [deed])
    return True
