"""One policy of a client changed or taken out, checked as the whole configuration would be with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.onboarding.configure import Document, apply_config, prepare_config, read_config
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, Invalid, NotFound
from veilleur.kernel.messages import msg


async def change_policy(
    session: AsyncSession, client: Client, code: str, changes: Mapping[str, Any], actor: str
) -> dict[str, Any]:
    """The policy with its changes; `Invalid` names what of them does not fit, by the pointer into the change."""
    before = await _lock_config(session, client)
    place = _find_place(before, code)
    policies = [*before["policies"]]
    policies[place] = policies[place] | changes
    try:
        after = await prepare_config(session, client, before, {"policies": policies})
    except Invalid as invalid:
        errors = [replace(error, pointer=_shorten(error.pointer, f"/policies/{place}")) for error in invalid.errors]
        raise Invalid(invalid.detail, errors=errors) from None
    await apply_config(session, client, before, after, actor)
    changed: dict[str, Any] = after["policies"][place]
    return changed


async def retire_policy(session: AsyncSession, client: Client, code: str, actor: str) -> None:
    """Nobody decides by it any more; what was decided by it keeps its code. `Conflict` while rules name it."""
    before = await _lock_config(session, client)
    place = _find_place(before, code)
    left: Sequence[Any] = [*before["policies"][:place], *before["policies"][place + 1 :]]
    try:
        after = await prepare_config(session, client, before, {"policies": left})
    except Invalid as invalid:
        raise Conflict(msg("The rules name this policy"), slug="policy-in-use", errors=invalid.errors) from None
    await apply_config(session, client, before, after, actor)


async def _lock_config(session: AsyncSession, client: Client) -> Document:
    await session.refresh(client, with_for_update=True)
    return await read_config(session, client)


def _shorten(pointer: str, prefix: str) -> str:
    return pointer.removeprefix(prefix) if pointer.startswith(f"{prefix}/") else pointer


def _find_place(document: Document, code: str) -> int:
    codes = [policy["code"] for policy in document["policies"]]
    if code not in codes:
        raise NotFound(msg("There is no {id} here", id=code[:64]))
    return codes.index(code)
