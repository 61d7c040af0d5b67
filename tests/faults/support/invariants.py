"""The one reckoning after every fault: what the outside was told against what the database holds.

Nothing acknowledged is lost, nothing is invented, nothing is done twice, nobody is forgotten, and nothing was refused
but in the honest way.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from tests.faults.support.load import Ledger
from tests.faults.support.receiver import Endpoint
from veilleur.kernel.ids import show_id

_TABLES = {
    "items": "id, external_id, state, received_at",
    "decisions": "id, item_id, automated, verdict, made_at",
    "usage_records": "item_id, decision_id, meter, quantity",
    "events": "id, client_id, item_id, type, body, sequence",
    "deliveries": "event_id, endpoint_id, state",
    "endpoints": "id, client_id",
    "cases": "id, item_id, state, reason",
    "sla_clocks": "id, item_id, state, due_at, breached_at",
    "sla_events": "clock_id, type",
    "audit_entries": "action, details ->> 'decision' AS decision",
}


@dataclass(frozen=True, slots=True)
class Stock:
    """All rows of one agency, by table."""

    rows: dict[str, list[asyncpg.Record]]

    def all(self, table: str, **wanted: object) -> list[asyncpg.Record]:
        return [row for row in self.rows[table] if all(row[name] == value for name, value in wanted.items())]

    def count(self, table: str, column: str, **wanted: object) -> Counter[Any]:
        return Counter(row[column] for row in self.all(table, **wanted))


async def take_stock(connection: asyncpg.Connection, agency_id: UUID) -> Stock:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return Stock(
            {
                table: await connection.fetch(f"SELECT {columns} FROM {table} WHERE agency_id = $1", agency_id)
                for table, columns in _TABLES.items()
            }
        )


@dataclass(slots=True)
class Findings:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def compare(self, what: str, found: Counter[Any], wanted: Iterable[Any]) -> None:
        """`found` must count each of `wanted` once and nothing else."""
        expected = set(wanted)
        self.lost += [f"{what} {key}" for key in expected - set(found)]
        self.doubled += [f"{what} {key}: {number}" for key, number in found.items() if number > 1]
        self.wrong += [f"{what} {key} came from nowhere" for key in set(found) - expected]


def assert_invariants(findings: Findings) -> None:
    """Nothing was found, or an error that names it."""
    assert findings == Findings(), _shorten(findings)


def judge(ledger: Ledger, endpoint: Endpoint, stock: Stock) -> Findings:
    """What is wrong with a settled installation."""
    findings = judge_rows(ledger, stock)
    _judge_news(findings, ledger, endpoint, stock)
    findings.wrong += ledger.surprises + endpoint.complaints
    return findings


def judge_rows(ledger: Ledger, stock: Stock) -> Findings:
    """What must never be wrong, not even for a moment: what one commit writes is there together."""
    findings = Findings()
    _judge_intake(findings, ledger, stock)
    _judge_outcomes(findings, stock)
    return findings


def _judge_intake(findings: Findings, ledger: Ledger, stock: Stock) -> None:
    """Every 2xx exactly once; what was never acknowledged may be there or not, and nothing else is."""
    stored = {row["external_id"]: show_id("itm", row["id"]) for row in stock.all("items")}
    unsure = {sent.external_id for sent in ledger.sent} - {sent.external_id for sent in ledger.acked}
    found = Counter(name for name in stock.count("items", "external_id").elements() if name not in unsure)
    findings.compare("item", found, (sent.external_id for sent in ledger.acked))
    for sent in ledger.acked:
        accepted = [receipt for receipt in sent.receipts if receipt["status"] == "accepted"]
        if len(accepted) > 1 or (sent.tries == 1 and not accepted):
            findings.wrong.append(f"{sent.external_id} was accepted {len(accepted)} times")
        if {receipt["id"] for receipt in sent.receipts} != {stored.get(sent.external_id)}:
            findings.wrong.append(f"{sent.external_id} has other receipts than its row")
    received = stock.count("usage_records", "item_id", meter="items.received")
    findings.compare("usage of receipt", received, (row["id"] for row in stock.all("items")))


def _judge_outcomes(findings: Findings, stock: Stock) -> None:
    """One decision an item, and with each decision one set of all that follows from it."""
    items, decisions, cases = (stock.all(table) for table in ("items", "decisions", "cases"))
    decided = [row["id"] for row in items if row["state"] == "decided"]
    findings.compare("decision of", stock.count("decisions", "item_id"), decided)
    human = [row["id"] for row in decisions if not row["automated"]]
    automated = [row["id"] for row in decisions if row["automated"]]
    for meter, wanted in (("decision.auto", automated), ("decision.human", human), ("review.seconds", human)):
        findings.compare(f"usage {meter} of", stock.count("usage_records", "decision_id", meter=meter), wanted)
    findings.wrong += [f"quantity {row}" for row in stock.all("usage_records") if _is_off(row)]
    findings.compare("event decision.made of", stock.count("events", "item_id", type="decision.made"), decided)
    findings.compare(
        "audit entry of",
        stock.count("audit_entries", "decision", action="decision.made"),
        (show_id("dec", row["id"]) for row in decisions),
    )
    held = [row["item_id"] for row in cases]
    findings.compare("case of", Counter(held), held)
    findings.compare("event item.held of", stock.count("events", "item_id", type="item.held"), held)
    findings.compare("clock of", stock.count("sla_clocks", "item_id"), held)
    open_cases = {row["item_id"] for row in cases if row["state"] in ("ready", "leased")}
    running = {row["item_id"] for row in stock.all("sla_clocks", state="running")}
    waiting = {row["id"] for row in items if row["state"] == "in_review"}
    if not open_cases == running == waiting:
        findings.wrong.append(f"{len(waiting)} in review, {len(open_cases)} cases, {len(running)} clocks")


def _judge_news(findings: Findings, ledger: Ledger, endpoint: Endpoint, stock: Stock) -> None:
    """What the outside has heard in the end. One delivery an event where its client has an endpoint (one at most here); at least one call each, always with the event's own id and body."""
    pairs = Counter((row["event_id"], row["endpoint_id"]) for row in stock.all("deliveries"))
    endpoints = {row["client_id"]: row["id"] for row in stock.all("endpoints")}
    events = [row for row in stock.all("events") if row["client_id"] in endpoints]
    findings.compare("delivery", pairs, ((row["id"], endpoints[row["client_id"]]) for row in events))
    places = [row["sequence"] for row in stock.all("events")]
    findings.compare("place in the feed", Counter(places), range(1, len(places) + 1))
    human = (show_id("dec", row["id"]) for row in stock.all("decisions", automated=False))
    findings.compare("decision told", Counter(ledger.verdicts.values()), human)
    bodies = {show_id("evt", row["id"]): row["body"].encode() for row in events}
    findings.compare("callback", Counter(dict.fromkeys(endpoint.bodies, 1)), bodies)
    findings.wrong += [
        f"callback {key} changed its words"
        for key, calls in endpoint.bodies.items()
        if key in bodies and set(calls) != {bodies[key]}
    ]


def _is_off(row: asyncpg.Record) -> bool:
    return row["quantity"] < 0 if row["meter"] == "review.seconds" else row["quantity"] != 1


def _shorten(findings: Findings) -> str:
    return "; ".join(
        f"{len(found)} {name}: {', '.join(found[:5])}"
        for name in ("lost", "doubled", "wrong")
        if (found := getattr(findings, name))
    )
