"""What the agency's people should look at."""

from typing import Any, Literal

from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.alarms.models import Alarm
from veilleur.domain.alarms.record import AlarmKind
from veilleur.kernel.ids import show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "alarms")


@router.get("/alarms", **needs("alarms:read"))
async def list_alarms(  # noqa: PLR0917
    caller: Member,
    session: Tx,
    state: Literal["open", "closed"] | None = None,
    kind: AlarmKind | None = None,
    client: str | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Alarms in the order they were raised; an open one is renewed, not repeated, and closes when it is over."""
    query = select(Alarm).where(Alarm.agency_id == caller.agency_id)
    if state is not None:
        query = query.where(Alarm.closed_at.is_(None) if state == "open" else Alarm.closed_at.is_not(None))
    if kind is not None:
        query = query.where(Alarm.kind == kind)
    if client is not None:
        query = query.where(Alarm.client_id == (await find_client(session, caller.agency_id, client)).id)
    return JsonAnswer(await page_by_id(session, query, Alarm, limit, after, _describe))


def _describe(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": show_id("alm", alarm.id),
        "kind": alarm.kind,
        "state": "open" if alarm.closed_at is None else "closed",
        "client": None if alarm.client_id is None else show_id("cli", alarm.client_id),
        "subject": alarm.subject,
        "rule": alarm.subject if alarm.kind.startswith("rule.") else None,
        "figures": alarm.figures,
        "times": alarm.times,
        "opened_at": alarm.opened_at,
        "noticed_at": alarm.noticed_at,
        "closed_at": alarm.closed_at,
    }
