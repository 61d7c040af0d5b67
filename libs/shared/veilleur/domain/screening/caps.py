"""Rules with a daily cap: how often they acted today, and which are through for the day.

Read once a batch and counted on while it is judged: a rule goes past its cap by what is judged in other
batches at the same moment, at most two a worker. The day is that of the client's zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import Trouble, close_alarms, raise_alarm
from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.rules.compile import CompiledRuleSet
from veilleur.domain.screening.client_settings import ClientSettings
from veilleur.domain.screening.judge import Judged
from veilleur.domain.screening.models import RuleActs
from veilleur.domain.screening.rule_sets import Published
from veilleur.kernel.ids import show_id


@dataclass(slots=True)
class Caps:
    """The capped rules of a batch's clients; `before` and `acts` by client and rule."""

    days: Mapping[UUID, date]
    limits: Mapping[UUID, Mapping[str, int]]
    before: Mapping[tuple[UUID, str], int]
    acts: dict[tuple[UUID, str], int]

    def find_exhausted(self, client_id: UUID) -> frozenset[str]:
        limits = self.limits.get(client_id, {})
        return frozenset(rule for rule, limit in limits.items() if self.count(client_id, rule) >= limit)

    def count(self, client_id: UUID, rule: str) -> int:
        return self.before.get((client_id, rule), 0) + self.acts.get((client_id, rule), 0)

    def note(self, judged: Judged) -> None:
        """Count on what was just judged; what is only observed has not acted."""
        item, evaluation = judged.question.item, judged.evaluation
        rule = evaluation.decided_by if evaluation is not None and item.mode == "live" else None
        if rule is not None and rule in self.limits.get(item.client_id, {}):
            self.acts[item.client_id, rule] = self.acts.get((item.client_id, rule), 0) + 1


async def load_caps(
    session: AsyncSession,
    agency_id: UUID,
    published: Mapping[UUID, Published],
    settings: Mapping[UUID, ClientSettings],
    present: datetime,
) -> Caps:
    limits = {client_id: found for client_id, one in published.items() if (found := list_limits(one.compiled))}
    days = {client_id: present.astimezone(ZoneInfo(settings[client_id].time_zone)).date() for client_id in limits}
    before = await _load_acts(session, agency_id, days) if limits else {}
    return Caps(days, limits, before, {})


async def keep_acts(session: AsyncSession, agency_id: UUID, caps: Caps) -> None:
    """Add what the capped rules of this batch did; trail and alarm say when one is through for the day.

    The alarm is over when the rule acts on another day.
    """
    if not caps.acts:
        return
    rows = [
        {"agency_id": agency_id, "client_id": client_id, "day": caps.days[client_id], "rule": rule, "acts": count}
        for (client_id, rule), count in sorted(caps.acts.items())
    ]
    statement = upsert(RuleActs)
    added = statement.on_conflict_do_update(
        index_elements=["agency_id", "client_id", "day", "rule"],
        set_={"acts": RuleActs.acts + statement.excluded.acts},
    ).returning(RuleActs.client_id, RuleActs.rule, RuleActs.acts)
    reached: list[Deed] = []
    for row in (await session.execute(added, rows)).all():
        before = row.acts - caps.acts[row.client_id, row.rule]
        if before == 0:
            await close_alarms(session, agency_id, "rule.capped", [row.rule], row.client_id)
        if before < caps.limits[row.client_id][row.rule] <= row.acts:
            told = _tell(caps, row)
            await raise_alarm(session, agency_id, Trouble("rule.capped", row.rule, row.client_id, told))
            reached.append(Deed("rules", "rule.cap_reached", show_id("cli", row.client_id), row.client_id, told))
    await record_deeds(session, agency_id, reached)


def list_limits(compiled: CompiledRuleSet) -> dict[str, int]:
    """The live rules that have a daily cap."""
    return {
        one.rule.id: one.rule.daily_cap
        for one in compiled.rules
        if one.rule.daily_cap is not None and one.rule.mode == "live"
    }


async def _load_acts(session: AsyncSession, agency_id: UUID, days: Mapping[UUID, date]) -> dict[tuple[UUID, str], int]:
    query = select(RuleActs.client_id, RuleActs.rule, RuleActs.acts).where(
        RuleActs.agency_id == agency_id, tuple_(RuleActs.client_id, RuleActs.day).in_(list(days.items()))
    )
    return {(row.client_id, row.rule): row.acts for row in await session.execute(query)}


def _tell(caps: Caps, row: Any) -> dict[str, Any]:
    return {"rule": row.rule, "cap": caps.limits[row.client_id][row.rule], "day": str(caps.days[row.client_id])}
