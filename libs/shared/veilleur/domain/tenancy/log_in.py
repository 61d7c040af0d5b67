"""Logging in and staying logged in: a session is one log-in, its refresh tokens are good once each.

Whoever brings a refresh token that was used already is not alone with it: the session ends for everybody (RFC 9700,
4.14.2). Access tokens name their session, so that the end of it is seen within five seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.tenancy.identity_models import MemberSession, RefreshToken
from veilleur.domain.tenancy.models import LoginCode, Member
from veilleur.infra.security.api_keys import hash_secret, new_refresh_token
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id, show_id

SESSION_LIFETIME = timedelta(hours=12)
KEPT_S = 30 * 86_400
"""How long an ended session may be looked up."""

Ending = Literal["logout", "reuse", "provider"]


@dataclass(frozen=True, slots=True)
class Voucher:
    """Who says that it is this member: a provider, or what `word` names. `roles`: all that are left."""

    provider_id: UUID | None = None
    roles: frozenset[str] | None = None
    word: str = "login_code"


BY_CODE = Voucher()
BY_OPERATOR = Voucher(word="operator")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A refresh token, shown once, and for how many seconds the session goes on."""

    agency_id: UUID
    member_id: UUID
    session_id: UUID
    refresh_token: str
    remaining_s: int


async def use_login_code(session: AsyncSession, agency_id: UUID, code_id: UUID) -> UUID | None:
    """The member of a code; a code works once, also when it is sent twice at the same moment."""
    used = await session.execute(
        update(LoginCode)
        .where(LoginCode.agency_id == agency_id, LoginCode.id == code_id, LoginCode.used_at.is_(None))
        .values(used_at=func.app_now())
        .returning(LoginCode.member_id)
    )
    return used.scalar_one_or_none()


async def open_session(
    session: AsyncSession, agency_id: UUID, member_id: UUID, voucher: Voucher = BY_CODE
) -> LoggedIn | None:
    """A new log-in; None for a member who is no longer active."""
    member = await session.get(Member, (agency_id, member_id))
    if member is None or member.disabled_at is not None:
        return None
    return await _hand_out(session, await begin_session(session, member, voucher), SESSION_LIFETIME)


async def begin_session(session: AsyncSession, member: Member, voucher: Voucher) -> MemberSession:
    """A log-in without a refresh token: it ends with its first access token, or when somebody ends it."""
    agency_id = member.agency_id
    present = (await session.execute(select(func.app_now()))).scalar_one()
    opened = MemberSession(
        agency_id=agency_id,
        id=new_id(),
        member_id=member.id,
        provider_id=voucher.provider_id,
        roles=None if voucher.roles is None else sorted(voucher.roles),
        created_at=present,
        expires_at=present + SESSION_LIFETIME,
    )
    session.add(opened)
    await session.flush()
    how = {"by": show_id("idp", voucher.provider_id) if voucher.provider_id else voucher.word}
    deed = Deed(show_id("mem", member.id), "session.opened", show_id("ses", opened.id), None, how)
    await record_deeds(session, agency_id, [deed])
    await hint_work(session, agency_id, "retention", in_s=KEPT_S, daily=True)
    return opened


async def refresh_session(session: AsyncSession, agency_id: UUID, session_id: UUID, token_id: UUID) -> LoggedIn | None:
    """The next refresh token in place of this one; None when the session is over, which this call may bring about."""
    locked = select(MemberSession).where(MemberSession.agency_id == agency_id, MemberSession.id == session_id)
    opened = (await session.scalars(locked.with_for_update())).one()
    token = await session.get_one(RefreshToken, (agency_id, token_id), populate_existing=True)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    if token.used_at is not None:
        await end_sessions(session, agency_id, [session_id], "reuse", "system")
        return None
    member = await session.get_one(Member, (agency_id, opened.member_id))
    if opened.ended_at is not None or opened.expires_at <= present or member.disabled_at is not None:
        return None
    token.used_at = present
    await session.flush()
    return await _hand_out(session, opened, opened.expires_at - present)


async def end_sessions(
    session: AsyncSession, agency_id: UUID, session_ids: Iterable[UUID], because: Ending, actor: str
) -> None:
    """Log out; ending a session again changes nothing."""
    ended = await session.scalars(
        update(MemberSession)
        .where(
            MemberSession.agency_id == agency_id,
            MemberSession.id.in_(list(session_ids)),
            MemberSession.ended_at.is_(None),
        )
        .values(ended_at=func.app_now(), ended_because=because)
        .returning(MemberSession.id)
    )
    deeds = [Deed(actor, "session.ended", show_id("ses", one), None, {"because": because}) for one in ended]
    if deeds:
        await record_deeds(session, agency_id, deeds)


async def end_all_sessions(session: AsyncSession, agency_id: UUID, member_id: UUID, actor: str) -> None:
    """Log a member out everywhere."""
    await end_sessions(session, agency_id, await _list_open(session, agency_id, member_id=member_id), "logout", actor)


async def shut_out(session: AsyncSession, agency_id: UUID, member_id: UUID, actor: str) -> None:
    """Log a member out for good: whoever lets them in again starts from nothing, old codes included."""
    await end_all_sessions(session, agency_id, member_id, actor)
    unused = (LoginCode.agency_id == agency_id, LoginCode.member_id == member_id, LoginCode.used_at.is_(None))
    await session.execute(update(LoginCode).where(*unused).values(used_at=func.app_now()))


async def end_sessions_by(
    session: AsyncSession, agency_id: UUID, provider_id: UUID, actor: str, member_id: UUID | None = None
) -> None:
    """Log out everybody this provider vouched for, or this member alone."""
    whose = {"provider_id": provider_id} | ({} if member_id is None else {"member_id": member_id})
    await end_sessions(session, agency_id, await _list_open(session, agency_id, **whose), "provider", actor)


async def drop_old_sessions(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Delete up to `limit` sessions that were over long ago, with their tokens; how many there were."""
    old = (
        select(MemberSession.id)
        .where(
            MemberSession.agency_id == agency_id,
            MemberSession.expires_at < func.app_now() - timedelta(seconds=KEPT_S),
        )
        .limit(limit)
    )
    found = list(await session.scalars(old))
    for table, column in ((RefreshToken, RefreshToken.session_id), (MemberSession, MemberSession.id)):
        await session.execute(delete(table).where(table.agency_id == agency_id, column.in_(found)))
    return len(found)


async def _list_open(session: AsyncSession, agency_id: UUID, **whose: UUID) -> list[UUID]:
    query = select(MemberSession.id).where(MemberSession.agency_id == agency_id, MemberSession.ended_at.is_(None))
    return list(await session.scalars(query.filter_by(**whose).with_for_update()))


async def _hand_out(session: AsyncSession, opened: MemberSession, remaining: timedelta) -> LoggedIn:
    secret = new_refresh_token()
    token = RefreshToken(agency_id=opened.agency_id, id=new_id(), session_id=opened.id, token_hash=hash_secret(secret))
    session.add(token)
    await session.flush()
    return LoggedIn(opened.agency_id, opened.member_id, opened.id, secret, int(remaining.total_seconds()))
