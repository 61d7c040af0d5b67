"""Starting an agency or a client: the row itself, and what it needs from every other slice."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.models import Action, Policy
from veilleur.domain.catalogue.starter import STARTER_ACTIONS, STARTER_POLICIES
from veilleur.domain.review.models import Queue
from veilleur.domain.review.routing import DEFAULT, UNSCREENED
from veilleur.domain.sla.models import CalendarVersion, SlaPolicyVersion
from veilleur.domain.sla.policy import DEFAULT_POLICY
from veilleur.domain.tenancy.models import Agency, Client, Interim, Member
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id, show_id

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_LOOK_S = 300
"""When a new agency is first looked at; every look notes the next one."""


@dataclass(frozen=True, slots=True)
class NewAgency:
    slug: str
    name: str
    time_zone: str
    owner_email: str
    owner_name: str


@dataclass(frozen=True, slots=True)
class NewClient:
    """`calendar_id` and `queue_id` default to the agency's first ones."""

    slug: str
    name: str
    time_zone: str
    languages: tuple[str, ...] = ()
    interim: Interim = "publish"
    calendar_id: UUID | None = None


async def start_agency(session: AsyncSession, agency_id: UUID, new: NewAgency, actor: str) -> Member:
    """Create the agency of the transaction's scope with its queues, a calendar that is always open, and its owner.

    From now on it is watched.
    """
    session.add(Agency(agency_id=agency_id, slug=new.slug, name=new.name, time_zone=new.time_zone))
    await session.flush()
    owner = Member(
        agency_id=agency_id, id=new_id(), email=new.owner_email, name=new.owner_name, roles=["owner"], serves_all=True
    )
    session.add_all(
        [
            owner,
            Queue(agency_id=agency_id, id=new_id(), code=DEFAULT, name="Cases"),
            Queue(agency_id=agency_id, id=new_id(), code=UNSCREENED, name="Not screened"),
            CalendarVersion(agency_id=agency_id, id=new_id(), name="Always open", document=always_open(new.time_zone)),
        ]
    )
    await session.flush()
    await record_deeds(session, agency_id, [Deed(actor, "agency.created", show_id("agc", agency_id))])
    await hint_work(session, agency_id, "watch", in_s=FIRST_LOOK_S)
    return owner


async def start_client(session: AsyncSession, agency_id: UUID, new: NewClient, actor: str) -> Client:
    """Create a client with a catalogue, an SLA policy, the default queue and a calendar; no rule set."""
    client = Client(
        agency_id=agency_id,
        id=new_id(),
        slug=new.slug,
        name=new.name,
        time_zone=new.time_zone,
        languages=list(new.languages),
        interim=new.interim,
        calendar_id=new.calendar_id or await _first_calendar(session, agency_id),
        queue_id=await _default_queue(session, agency_id),
    )
    session.add(client)
    await session.flush()
    await _stock_catalogue(session, agency_id, client.id)
    session.add(
        SlaPolicyVersion(agency_id=agency_id, id=new_id(), client_id=client.id, version=1, document=DEFAULT_POLICY)
    )
    await session.flush()
    await session.refresh(client)
    await record_deeds(session, agency_id, [Deed(actor, "client.created", show_id("cli", client.id), client.id)])
    return client


def always_open(time_zone: str) -> dict[str, object]:
    """A calendar without closing time."""
    return {"time_zone": time_zone, "weekly": {day: [["00:00", "24:00"]] for day in DAYS}}


async def _first_calendar(session: AsyncSession, agency_id: UUID) -> UUID:
    query = select(CalendarVersion.id).where(CalendarVersion.agency_id == agency_id)
    return (await session.scalars(query.order_by(CalendarVersion.id).limit(1))).one()


async def _default_queue(session: AsyncSession, agency_id: UUID) -> UUID:
    query = select(Queue.id).where(Queue.agency_id == agency_id, Queue.code == DEFAULT)
    return (await session.scalars(query)).one()


async def _stock_catalogue(session: AsyncSession, agency_id: UUID, client_id: UUID) -> None:
    owned: dict[str, object] = {"agency_id": agency_id, "client_id": client_id}
    await session.execute(
        insert(Policy),
        [
            owned
            | {
                "id": new_id(),
                "code": policy.code,
                "title": policy.title,
                "titles": {"fr": policy.french},
                "severity": policy.severity,
                "default_actions": list(policy.default_actions),
            }
            for policy in STARTER_POLICIES
        ],
    )
    await session.execute(
        insert(Action),
        [
            owned
            | {
                "id": new_id(),
                "code": action.code,
                "title": action.title,
                "verdict": action.verdict,
                "targets": list(action.targets),
                "needs_until": action.needs_until,
                "undo": action.undo,
            }
            for action in STARTER_ACTIONS
        ],
    )
