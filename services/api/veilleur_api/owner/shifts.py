"""When people work: shifts in their own zones, absences with the gaps they leave, and who covers what."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from pydantic import Field
from sqlalchemy import delete, func, select
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.envelope import Timestamp
from veilleur.domain.review.coverage import Gap, Served, can_serve, find_gaps, list_hours, list_on_duty
from veilleur.domain.review.lease import lock_member
from veilleur.domain.review.models import Absence, Shift
from veilleur.domain.review.staff import Person, load_staff
from veilleur.domain.review.step_off import free_hands
from veilleur.domain.sla.calendar import Period, parse_calendar
from veilleur.domain.sla.keep_holidays import closed_days, restore_calendar
from veilleur.domain.sla.models import CalendarVersion
from veilleur.domain.tenancy.members import find_member
from veilleur.domain.tenancy.models import Agency, Client
from veilleur.domain.tenancy.models import Member as MemberRow
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import new_id, parse_id, read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id, require_match
from veilleur_api.owner.documents import Shape
from veilleur_api.principals import authorise_member
from veilleur_api.words import Reason

router = guarded_router("/owner/v1", authorise_member, "shifts")

LONGEST_ABSENCE = timedelta(days=366)
LOOKED_AHEAD = timedelta(days=31)
"""How much of an absence is searched for gaps."""


class ShiftIn(Shape):
    """Hours as a calendar has them: `weekly` by weekday, `overrides` by date; overnight hours belong to their start."""

    member: str
    time_zone: str
    weekly: dict[str, Any] = Field(default_factory=dict)
    overrides: dict[str, Any] = Field(default_factory=dict)


class AbsenceIn(Shape):
    # `from` is a keyword of Python
    from_: Timestamp = Field(alias="from")
    to: Timestamp
    reason: Reason | None = None


@router.post("/shifts", status_code=201, **needs("shifts:write"))
async def create_shift(new: ShiftIn, caller: Member, session: Tx) -> Response:
    """Give a member working hours; several shifts of one member add up. Without any, a member is always on."""
    document = _read_hours(new)
    member_id = await _read_member(session, caller, new.member)
    shift = Shift(agency_id=caller.agency_id, id=new_id(), member_id=member_id, document=document)
    session.add(shift)
    await session.flush()
    await record_deeds(session, caller.agency_id, [_deed(caller, "shift.created", shift.id, member_id)])
    return JsonAnswer(_describe_shift(shift), 201, {"etag": f'"{shift.version}"'})


@router.get("/shifts", **needs("members:read"))
async def list_shifts(
    caller: Member,
    session: Tx,
    member: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """All shifts, or one member's."""
    query = select(Shift).where(Shift.agency_id == caller.agency_id)
    if member is not None:
        found = await find_member(session, caller.agency_id, read_id("mem", member))
        query = query.where(Shift.member_id == found.id)
    return JsonAnswer(await page_by_id(session, query, Shift, limit, after, _describe_shift))


@router.put("/shifts/{shift_id}", **needs("shifts:write"))
async def replace_shift(shift_id: str, new: ShiftIn, caller: Member, session: Tx, request: Request) -> Response:
    """Other hours for the same shift."""
    shift = await _find_shift(session, caller, shift_id)
    await session.refresh(shift, with_for_update={"key_share": True})
    require_match(request, f'"{shift.version}"')
    shift.document = _read_hours(new)
    shift.member_id = await _read_member(session, caller, new.member)
    shift.version += 1
    await session.flush()
    await record_deeds(session, caller.agency_id, [_deed(caller, "shift.changed", shift.id, shift.member_id)])
    return JsonAnswer(_describe_shift(shift), 200, {"etag": f'"{shift.version}"'})


@router.delete("/shifts/{shift_id}", status_code=204, **needs("shifts:write"))
async def delete_shift(shift_id: str, caller: Member, session: Tx) -> Response:
    """Drop a shift. A member's last one gone, the member is always on again."""
    shift = await _find_shift(session, caller, shift_id)
    await session.execute(delete(Shift).where(Shift.agency_id == caller.agency_id, Shift.id == shift.id))
    await record_deeds(session, caller.agency_id, [_deed(caller, "shift.deleted", shift.id, shift.member_id)])
    return Response(status_code=204)


@router.post("/members/{member_id}/absence", status_code=201, **needs("shifts:write"))
async def create_absence(member_id: str, new: AbsenceIn, caller: Member, session: Tx) -> Response:
    """Note that a member is away, and learn which gaps that leaves within the next 31 days of it.

    One that holds already frees everything in hand at once, as `off` does; `freed` says how many cases that were.
    """
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    start, stop = _read_stretch(new)
    staff = await load_staff(session, caller.agency_id, since=start)
    clients = await _load_clients(session, caller)
    absence = Absence(
        agency_id=caller.agency_id, id=new_id(), member_id=member.id, starts_at=start, ends_at=stop,
        reason=new.reason or "",
    )  # fmt: skip
    session.add(absence)
    await session.flush()
    freed = await _free_if_away(session, absence)
    await record_deeds(session, caller.agency_id, [_deed(caller, "absence.created", absence.id, member.id)])
    period = start, min(stop, start + LOOKED_AHEAD)
    before = find_gaps(staff, clients, period)
    after = find_gaps([_without(person, member.id, period) for person in staff], clients, period)
    gaps = [gap for gap in after if gap not in before]
    left = {"freed": freed, "gaps": [_describe_gap(gap) for gap in gaps]}
    return JsonAnswer(_describe_absence(absence) | left, 201)


@router.get("/members/{member_id}/absence", **needs("members:read"))
async def list_absences(
    member_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """When this member is and was away."""
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    query = select(Absence).where(Absence.agency_id == caller.agency_id, Absence.member_id == member.id)
    return JsonAnswer(await page_by_id(session, query, Absence, limit, after, _describe_absence))


@router.delete("/members/{member_id}/absence/{absence_id}", status_code=204, **needs("shifts:write"))
async def delete_absence(member_id: str, absence_id: str, caller: Member, session: Tx) -> Response:
    """The member is there after all."""
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    absence = await session.get(Absence, (caller.agency_id, read_id("abs", absence_id)))
    if absence is None or absence.member_id != member.id:
        raise NotFound(msg("There is no {id} here", id=absence_id[:64]))
    await session.execute(delete(Absence).where(Absence.agency_id == caller.agency_id, Absence.id == absence.id))
    await record_deeds(session, caller.agency_id, [_deed(caller, "absence.deleted", absence.id, member.id)])
    return Response(status_code=204)


@router.get("/coverage", **needs("members:read"))
async def get_coverage(caller: Member, session: Tx, day: Annotated[date, Query(alias="date")]) -> Response:
    """Hour by hour of a day in the agency's zone: who is on, for which clients and languages, and every gap."""
    agency = await session.get_one(Agency, caller.agency_id)
    if not 1970 <= day.year <= 2199:
        raise Invalid(
            msg("Some values can't be accepted"),
            errors=[InputError("/date", msg("is out of range"), msg("a date from 1970 to 2199"))],
        )
    hours = list_hours(day, ZoneInfo(agency.time_zone))
    staff = await load_staff(session, caller.agency_id, since=hours[0][0])
    clients = await _load_clients(session, caller)
    gaps = find_gaps(staff, clients, (hours[0][0], hours[-1][1]))
    return JsonAnswer(
        {
            "date": day,
            "time_zone": agency.time_zone,
            "hours": [_describe_hour(hour, staff, clients) for hour in hours],
            "gaps": [_describe_gap(gap) for gap in gaps],
        }
    )


async def _free_if_away(session: Tx, absence: Absence) -> int:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    if not absence.starts_at <= present < absence.ends_at:
        return 0
    await lock_member(session, absence.agency_id, absence.member_id)
    return await free_hands(session, absence.agency_id, absence.member_id)


def _describe_hour(hour: Period, staff: Iterable[Person], clients: Iterable[Served]) -> dict[str, Any]:
    on = list_on_duty(staff, hour)
    covered = [
        {
            "client": show_id("cli", client.id),
            "language": language,
            "members": sum(can_serve(person, client.id, language) for person in on),
        }
        for client in clients
        for language in client.tongues
    ]
    members = [show_id("mem", person.id) for person in on]
    return {"from": hour[0], "to": hour[1], "members": members, "clients": covered}


def _describe_gap(gap: Gap) -> dict[str, Any]:
    return {"client": show_id("cli", gap.client_id), "language": gap.language, "from": gap.start, "to": gap.stop}


def _describe_shift(shift: Shift) -> dict[str, Any]:
    return {"id": show_id("shf", shift.id), "member": show_id("mem", shift.member_id)} | shift.document


def _describe_absence(absence: Absence) -> dict[str, Any]:
    return {
        "id": show_id("abs", absence.id),
        "member": show_id("mem", absence.member_id),
        "from": absence.starts_at,
        "to": absence.ends_at,
        "reason": absence.reason or None,
    }


def _deed(caller: Member, action: str, identifier: UUID, member_id: UUID) -> Deed:
    subject = show_id("shf" if action.startswith("shift") else "abs", identifier)
    return Deed(caller.name, action, subject, None, {"member": show_id("mem", member_id)})


def _without(person: Person, member_id: UUID, period: Period) -> Person:
    if person.id != member_id:
        return person
    presence = replace(person.presence, absences=[*person.presence.absences, period])
    return replace(person, presence=presence)


def _read_hours(new: ShiftIn) -> dict[str, Any]:
    document = {"time_zone": new.time_zone, "weekly": new.weekly, "overrides": new.overrides}
    kept = parse_calendar(document).to_document()
    return {"time_zone": new.time_zone, "weekly": kept.get("weekly", {}), "overrides": kept.get("overrides", {})}


def _read_stretch(new: AbsenceIn) -> tuple[datetime, datetime]:
    start, stop = new.from_, new.to
    if not start < stop <= start + LONGEST_ABSENCE:
        hint = msg("after `from`, and at most {days} days later", days=LONGEST_ABSENCE.days)
        error = InputError("/to", msg("does not end an absence that begins then"), hint)
        raise Invalid(msg("The absence can't be kept like this"), errors=[error])
    return start, stop


async def _read_member(session: Tx, caller: Member, shown: str) -> UUID:
    member_id = parse_id("mem", shown)
    member = await session.get(MemberRow, (caller.agency_id, member_id)) if member_id else None
    if member is None:
        error = InputError("/member", msg("there is no such member"), msg("GET /owner/v1/members lists them"))
        raise Invalid(msg("The shift can't be kept like this"), errors=[error])
    return member.id


async def _find_shift(session: Tx, caller: Member, shown: str) -> Shift:
    shift = await session.get(Shift, (caller.agency_id, read_id("shf", shown)))
    if shift is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return shift


async def _load_clients(session: Tx, caller: Member) -> list[Served]:
    query = (
        select(Client.id, Client.languages, CalendarVersion.document, closed_days().label("closed"))
        .join(
            CalendarVersion,
            (CalendarVersion.agency_id == Client.agency_id) & (CalendarVersion.id == Client.calendar_id),
        )
        .where(Client.agency_id == caller.agency_id)
        .order_by(Client.id)
    )
    rows = (await session.execute(query)).all()
    return [Served(row.id, tuple(row.languages), restore_calendar(row.document, row.closed)) for row in rows]
