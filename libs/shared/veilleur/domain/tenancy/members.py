"""Members: adding them, whom they serve, and the codes they log in with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.tenancy.models import Client, Grant, LoginCode, Member, Role
from veilleur.infra.security.api_keys import hash_secret, new_login_code
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

LOGIN_CODE_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewMember:
    """`clients` None serves every client, present and future."""

    email: str
    name: str
    roles: tuple[Role, ...]
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    clients: tuple[UUID, ...] | None = ()
    capacity: int = 5
    tier: int = 1
    grade: str | None = None


async def add_member(session: AsyncSession, agency_id: UUID, new: NewMember, actor: str) -> Member:
    """Add a person; a taken e-mail is a `Conflict`."""
    member = Member(
        agency_id=agency_id,
        id=new_id(),
        email=new.email,
        name=new.name,
        roles=list(new.roles),
        languages=list(new.languages),
        skills=list(new.skills),
        capacity=new.capacity,
        tier=new.tier,
        grade=new.grade,
        serves_all=new.clients is None,
    )
    try:
        async with session.begin_nested():
            session.add(member)
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("{email} already belongs to a member", email=new.email), slug="email-taken") from None
    await set_grants(session, agency_id, member.id, new.clients or ())
    await record_deeds(session, agency_id, [Deed(actor, "member.created", show_id("mem", member.id))])
    return member


async def set_grants(session: AsyncSession, agency_id: UUID, member_id: UUID, client_ids: Sequence[UUID]) -> None:
    """Serve exactly these clients; an unknown one is `NotFound`."""
    known = set(
        await session.scalars(select(Client.id).where(Client.agency_id == agency_id, Client.id.in_(client_ids)))
    )
    for client_id in client_ids:
        if client_id not in known:
            raise NotFound(msg("There is no {id} here", id=show_id("cli", client_id)))
    await session.execute(delete(Grant).where(Grant.agency_id == agency_id, Grant.member_id == member_id))
    if known:
        rows = [
            {"agency_id": agency_id, "id": new_id(), "member_id": member_id, "client_id": client_id}
            for client_id in known
        ]
        await session.execute(insert(Grant), rows)


async def find_member(session: AsyncSession, agency_id: UUID, member_id: UUID) -> Member:
    member = await session.get(Member, (agency_id, member_id))
    if member is None:
        raise NotFound(msg("There is no {id} here", id=show_id("mem", member_id)))
    return member


async def keep_an_owner(session: AsyncSession, agency_id: UUID, besides: UUID) -> None:
    """Refuse (`last-owner`) what would leave an agency without an owner who can log in: nobody could undo it.

    Owners are locked in the order of their ids, so that two of them can't let each other go at once.
    """
    owners = select(Member.id).where(
        Member.agency_id == agency_id, Member.roles.contains(["owner"]), Member.disabled_at.is_(None)
    )
    standing = (await session.scalars(owners.order_by(Member.id).with_for_update(key_share=True))).all()
    if not set(standing) - {besides}:
        raise Conflict(msg("This is the agency's last owner; make somebody else one first"), slug="last-owner")


async def list_grants(session: AsyncSession, agency_id: UUID, member_id: UUID) -> list[UUID]:
    query = select(Grant.client_id).where(Grant.agency_id == agency_id, Grant.member_id == member_id)
    return list(await session.scalars(query.order_by(Grant.client_id)))


async def require_service(session: AsyncSession, agency_id: UUID, member_id: UUID, client_id: UUID) -> Client:
    """The client, if this member serves it; otherwise `NotFound`, as if it were not there."""
    member = await find_member(session, agency_id, member_id)
    client = await session.get(Client, (agency_id, client_id))
    serves = member.serves_all or client_id in await list_grants(session, agency_id, member_id)
    if client is None or not serves:
        raise NotFound(msg("There is no {id} here", id=show_id("cli", client_id)))
    return client


async def issue_login_code(
    session: AsyncSession, agency_id: UUID, member_id: UUID, actor: str
) -> tuple[str, LoginCode]:
    """A one-time code, shown once; it works for a day."""
    member = await find_member(session, agency_id, member_id)
    if member.disabled_at is not None:
        raise Conflict(msg("This member is no longer active"))
    code = new_login_code()
    present = (await session.execute(select(func.app_now()))).scalar_one()
    row = LoginCode(
        agency_id=agency_id,
        id=new_id(),
        member_id=member_id,
        code_hash=hash_secret(code),
        expires_at=present + LOGIN_CODE_LIFETIME,
    )
    session.add(row)
    await session.flush()
    await record_deeds(session, agency_id, [Deed(actor, "login_code.issued", show_id("mem", member_id))])
    return code, row
