"""Changing the lists that rule sets share. No change may break a published rule set; what is in use can't go."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.rules.findings import write_pointer
from veilleur.domain.rules.list_queries import lock_lists
from veilleur.domain.rules.lists import check_list, digest_list
from veilleur.domain.rules.models import SharedList, SharedListVersion
from veilleur.domain.screening.list_users import ListUser, find_users, recount_users, refuse_breakage
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class ListText:
    """What somebody wants a list to be; `document` in the form of a list of a rule set."""

    title: str
    document: dict[str, Any]
    note: str
    author: str


async def create_list(
    session: AsyncSession, agency_id: UUID, client_id: UUID | None, code: str, wanted: ListText
) -> SharedList:
    """Keep a new list. One of a client hides the agency's of the same code, so it has to fit where that is used."""
    await asyncio.to_thread(_check, wanted.document)
    await lock_lists(session, agency_id)
    users = await find_users(session, agency_id, client_id, code)
    await refuse_breakage(session, agency_id, users, code, wanted.document)
    shared = SharedList(agency_id=agency_id, id=new_id(), client_id=client_id, code=code, version=1)
    _fill(shared, wanted)
    session.add(shared)
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("The code {code} is taken", code=code), slug="code-taken") from None
    await session.refresh(shared)
    await _keep_version(session, shared, wanted, users, "created")
    return shared


async def replace_list(session: AsyncSession, shared: SharedList, wanted: ListText) -> None:
    """Let a locked list hold something else from now on; the same once more changes nothing."""
    await asyncio.to_thread(_check, wanted.document)
    kind = _read_kind(wanted.document)
    if kind != shared.kind:
        error = InputError(
            "/list/kind",
            msg("this list holds {kind}; rules are written for that", kind=shared.kind),
            msg("make another list for {kind}", kind=kind),
        )
        raise Invalid(msg("The list can't be kept like this"), errors=[error])
    if shared.digest == digest_list(wanted.document) and shared.title == wanted.title:
        return
    users = await find_users(session, shared.agency_id, shared.client_id, shared.code)
    await refuse_breakage(session, shared.agency_id, users, shared.code, wanted.document)
    _fill(shared, wanted)
    shared.version += 1
    shared.changed_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    await _keep_version(session, shared, wanted, users, "changed")


async def delete_list(session: AsyncSession, shared: SharedList, author: str) -> None:
    """Take a locked list away; what it held stays for those who look at old evaluations."""
    users = await find_users(session, shared.agency_id, shared.client_id, shared.code)
    if users:
        raise Conflict(
            msg("The list {code} is in use: {users}", code=shared.code, users=[user.name for user in users[:20]]),
            slug="list-in-use",
        )
    await session.delete(shared)
    await session.flush()
    await _tell(session, shared, author, "deleted")


def _check(document: Mapping[str, Any]) -> None:
    mistakes = check_list(document)
    if mistakes:
        errors = [InputError(write_pointer(("list", *one.path)), one.message, one.hint) for one in mistakes]
        raise Invalid(msg("The list has mistakes"), errors=errors)


def _read_kind(document: Mapping[str, Any]) -> str:
    return str(document.get("kind", "phrases"))


def _fill(shared: SharedList, wanted: ListText) -> None:
    shared.title = wanted.title
    shared.kind = _read_kind(wanted.document)
    shared.entries = len(wanted.document["entries"])
    shared.digest = digest_list(wanted.document)


async def _keep_version(
    session: AsyncSession, shared: SharedList, wanted: ListText, users: Sequence[ListUser], verb: str
) -> None:
    version = SharedListVersion(
        agency_id=shared.agency_id,
        id=new_id(),
        client_id=shared.client_id,
        list_id=shared.id,
        code=shared.code,
        version=shared.version,
        digest=shared.digest,
        document=wanted.document,
        note=wanted.note,
        author=wanted.author,
    )
    session.add(version)
    await session.flush()
    await recount_users(session, shared.agency_id, users, shared.code)
    await _tell(session, shared, wanted.author, verb)


async def _tell(session: AsyncSession, shared: SharedList, author: str, verb: str) -> None:
    details = {"code": shared.code, "version": shared.version, "digest": shared.digest, "entries": shared.entries}
    deed = Deed(author, f"list.{verb}", show_id("lst", shared.id), shared.client_id, details)
    await record_deeds(session, shared.agency_id, [deed])
