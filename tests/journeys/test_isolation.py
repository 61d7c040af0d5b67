"""No agency sees another's row, no client sees another client's: every operation, with the ids of others.

`seized` is an agency full of everything; somebody else then tries every operation of the documents with its ids.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.support.billing import BUYER, TAX, close_month, count_on, sign
from tests.support.invoicing import issue, set_up_seller
from tests.support.people import Agency, Caller, Client, Json, unique
from veilleur.domain.alarms.record import Trouble, raise_alarm
from veilleur.domain.custody.models import Offboarding
from veilleur.domain.invoicing.invoice_models import Invoice
from veilleur.domain.invoicing.mail_invoice import order_mail
from veilleur.domain.providers.models import CachedScores, ProviderCalls, ProviderQuestion
from veilleur.domain.screening.windows import find_count_time
from veilleur.domain.tenancy.connect_provider import link_identity
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import new_id, parse_id, show_id
from veilleur_api.openapi import build_documents
from veilleur_worker.drains import DRAINS, Drains

UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

RULES: Json = {
    "format": "veilleur.rules/v1",
    "schema": "item/v1",
    "name": "isolation",
    "fallback": {"verdict": "allow"},
    "lists": {"doubts": {"kind": "phrases", "match": "word", "fold": "soft", "entries": ["doubtful"]}},
    "rules": [
        {
            "id": "doubts",
            "title": "A person decides",
            "mode": "live",
            "severity": 10,
            "daily_cap": 10_000,
            "when": {"all": ["hits('doubts') > 0"]},
            "then": {"escalate": {"queue": "default"}, "policies": ["spam"]},
        }
    ],
}

SLA_POLICY: Json = {
    "default": {
        "class": "standard",
        "decision": {"seconds": 3_600, "time": "calendar", "warnings": [{"percent": 50}]},
        "volume": {"per": "day", "items": 1, "beyond": "excluded"},
    }
}

# What only the holder of the ids may see, in every text a person wrote.
NEVER_ANSWERED = "secretword"


@dataclass
class Household:
    """A client with something in every table, and the ids under which it could be asked for."""

    client: Client
    mark: str
    ids: dict[str, str]
    items: dict[str, str]


@dataclass
class Tenant:
    agency: Agency
    moderator: Caller
    homes: tuple[Household, Household]
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def uuid(self) -> UUID:
        return parse_id("agc", self.agency.id)

    @property
    def path_ids(self) -> dict[str, str]:
        """What paths name: of the first client, and of the agency itself."""
        own = {
            "identity_provider_id": self.ids["identity_provider"],
            "identity_id": self.ids["identity"],
            "grant_id": self.ids["break_glass"],
            "member_id": self.ids["member"],
            "calendar_id": self.ids["calendar"],
            "breach_id": self.ids["clock"],
            "agency_endpoint_id": self.ids["agency_endpoint"],
            "run_id": self.ids["run"],
        }
        named = {name: self.ids[name] for name in ("queue_id", "shift_id", "absence_id", "provider_id")}
        return self.homes[0].ids | named | own


SHIFT: Json = {
    "time_zone": "UTC",
    "weekly": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
}
MEDIA = [{"url": "http://127.0.0.1:9/x.png", "type": "image"}]
OFFER: Json = {"starts_on": "2031-01-01", "valid_until": "2030-01-01"}
ABSENCE: Json = {"from": "2031-01-01T00:00:00Z", "to": "2031-01-02T00:00:00Z", "reason": NEVER_ANSWERED}


async def settle(world, name: str) -> Tenant:
    """An agency with two clients, everything populated."""
    agency = await world.operator.found_agency()
    owner = agency.owner
    queue = await owner.call("POST", "/owner/v1/queues", {"code": unique("q"), "name": f"{NEVER_ANSWERED} {name}"}, 201)
    rule = {"name": f"{NEVER_ANSWERED} {name}", "when": {"kind": ["account"]}, "queue": queue["code"]}
    await owner.call("POST", "/owner/v1/routing-rules", rule, 201)
    always = {"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "18:00"]]}, "holiday_country": "FR"}
    calendar = await owner.call("POST", "/owner/v1/calendars", {"name": unique("cal"), "calendar": always}, 201)
    told = {"kind": "standard", "url": "http://127.0.0.1:9/agency"}
    endpoint = await owner.call("POST", "/owner/v1/endpoints", told, 201)
    clients = [await agency.add_client(RULES, name=f"{NEVER_ANSWERED} {name} {number}") for number in (1, 2)]
    moderator = await agency.add_moderator("all", capacity=20, name=f"{NEVER_ANSWERED} {name}")
    me = await moderator.call("GET", "/moderator/v1/me")
    await moderator.call("PUT", "/moderator/v1/me/care", {"opt_outs": ["personal_data"]})
    await agency.add_moderator([clients[0].id])
    homes = [await furnish(world, client, moderator, name) for client in clients]
    run_id = await bill(agency, homes)
    cost = {"from": "2026-01-01", "per_hour": "16"}
    await owner.call("POST", f"/owner/v1/members/{me['id']}/cost-rates", cost, 201)
    assert await Drains(world.worker).run("feed", parse_id("agc", agency.id))
    await watch(world, parse_id("agc", agency.id), homes)
    shift = await owner.call(
        "POST", "/owner/v1/shifts", SHIFT | {"member": (await owner.call("GET", "/moderator/v1/me"))["id"]}, 201
    )
    absence = await owner.call("POST", f"/owner/v1/members/{me['id']}/absence", ABSENCE, 201)
    provider_id = await set_up_provider(world, agency, homes)
    ids = {
        "member": me["id"], "queue": queue["code"], "queue_id": queue["id"], "calendar": calendar["id"],
        "shift_id": shift["id"], "absence_id": absence["id"], "agency_endpoint": endpoint["id"],
        "provider_id": provider_id, "run": run_id,
    }  # fmt: skip
    ids |= await set_up_identity(world, agency, me["id"])
    assert await Drains(world.worker).run("audit", parse_id("agc", agency.id))
    [clock] = await world.fetch(
        "SELECT id FROM sla_clocks WHERE agency_id = $1 ORDER BY id LIMIT 1", parse_id("agc", agency.id)
    )
    ids["clock"] = show_id("clk", clock["id"])
    return Tenant(agency, moderator, tuple(homes), ids)


async def furnish(world, client: Client, moderator: Caller, name: str) -> Household:
    """Endpoint, second credential, catalogue; items decided by rules, decided by a person with notes, in hand, waiting."""
    mark = f"{NEVER_ANSWERED} {unique(name)}"
    owner = client.owner
    endpoint = await client.add_endpoint("http://127.0.0.1:9/hook")
    key = {"kind": "oauth_client", "name": mark, "scopes": ["ingest:write", "items:read"]}
    credential = await owner.call("POST", f"{client.base}/credentials", key, 201)
    policy = {"policy": SLA_POLICY, "apply_to": "open", "note": mark}
    await owner.call("POST", f"{client.base}/sla-policies", policy, 201)
    code = unique("code")
    await owner.call("POST", f"{client.base}/policies", {"code": code, "title": mark}, 201)
    await owner.call(
        "POST", f"{client.base}/actions", {"code": code, "title": mark, "verdict": "remove", "targets": ["item"]}, 201
    )
    reply = {"code": code, "title": mark, "texts": {"fr": mark}}
    macro = await owner.call("POST", f"{client.base}/macros", reply, 201)
    own_list = {"code": code, "title": mark, "list": {"entries": [mark]}}
    shared = await owner.call("POST", f"{client.base}/lists", own_list, 201)
    await owner.call("PUT", f"{client.base}/sources/{client.source['id']}/actor", ACTOR, 200)
    author = {"author": {"external_id": "u_1", "display_name": mark}}
    allowed = await client.accept(f"fine, {mark}", external_id="c_allowed", **author)
    decided = await client.accept(f"doubtful, {mark}", external_id="c_decided", **author)
    held = await take(world, moderator, client)
    for pin in ("case", "author"):
        await moderator.call("POST", f"/moderator/v1/assignments/{held['id']}/notes", {"text": mark, "pin": pin}, 201)
    ruling = {
        "fence": held["fence"],
        "revision": 1,
        "verdict": "remove",
        "policies": ["spam"],
        "explanation": mark,
        "note": mark,
    }
    made = await moderator.call("POST", f"/moderator/v1/assignments/{held['id']}/decision", ruling, 201)
    asked = await client.accept(f"doubtful, asked about, {mark}", external_id="c_asked", **author)
    held = await take(world, moderator, client)
    path = f"/moderator/v1/assignments/{held['id']}"
    await moderator.call("POST", f"{path}/ask", {"fence": held["fence"], "question": mark}, 201)
    case_id = held["case"]["id"]
    escalated = await client.accept(f"doubtful, escalated, {mark}", external_id="c_escalated", **author)
    held = await take(world, moderator, client)
    escalation = {"fence": held["fence"], "queue": "default", "note": mark}
    await moderator.call("POST", f"/moderator/v1/assignments/{held['id']}/escalate", escalation, 200)
    await client.accept(f"doubtful, severe, {mark}", external_id="c_severe", **author)
    severe = await take(world, moderator, client)
    found = {"fence": severe["fence"], "class": "terror"}
    await moderator.call("POST", f"/moderator/v1/assignments/{severe['id']}/quarantine", found, 200)
    await owner.call("PUT", f"{client.base}/quota", {"items_per_day": 10**9}, 200)
    holds = (await owner.call("GET", f"/owner/v1/legal-holds?client={client.id}"))["data"]
    in_hand = await client.accept(f"doubtful, in hand, {mark}", external_id="c_in_hand", media=MEDIA, **author)
    held = await take(world, moderator, client)
    waiting = await client.accept(f"doubtful, waiting, {mark}", external_id="c_waiting", **author)
    await screen(world, client)
    unscreened = await client.accept(f"not yet seen, {mark}", external_id="c_received", **author)
    edit = {"external_id": "c_allowed", "text": f"edited, {mark}"} | author
    report = {"source": "user", "reason": "insult", "detail": mark, "reporter": {"external_id": "u_2"}}
    for event_type, item in (("item.updated", edit), ("item.reported", {"external_id": "c_waiting", "report": report})):
        assert (await client.send(item, event_type)).status_code == 202
    labelled = {"labelled": [{"item": {"external_id": "x", "text": mark}, "label": "allow"}]}
    backtest = await owner.call("POST", f"{client.base}/rule-sets/1/backtest", labelled, 202)
    assert (await client.post(b"{}", {"webhook-id": "forged"})).status_code == 401
    await world.parts.unstored.settle()
    forum = {"kind": "discourse", "name": mark}
    forum = await owner.call("POST", f"{client.base}/sources", forum, 201)
    await owner.call("PUT", f"{client.base}/sources/{forum['id']}/poll", POLL, 200)
    [action] = (await owner.call("GET", f"/owner/v1/platform-actions?client={client.id}"))["data"]
    contract = await sign(client, purchase_order=mark)
    period = await close_month(world, client, "2026-05")
    await count_on(world, client, date(2026, 5, 31))
    done = {"meter": "content.piece", "quantity": "1", "occurred_at": "2026-05-01T00:00:00Z", "note": mark}
    entry = await owner.call("POST", f"{client.base}/usage-entries", done, 201)
    await owner.call("GET", f"/owner/v1/reconciliation?client={client.id}")
    threshold = await owner.call("POST", f"{client.base}/usage-thresholds", {"kind": "amount", "value": "1"}, 201)
    wrong = {"filter": {"client": client.id, "rules": ["doubts"]}}
    reversal = await owner.call("POST", "/owner/v1/reversals", wrong, 202)
    await owner.call("PUT", f"{client.base}/data-policy", {"providers": []}, 200)
    erasure = await client.api.call("DELETE", "/ingest/v1/authors/u_gone", status=202)
    ids = {
        "client_id": client.id,
        "erasure_id": erasure["erasure_id"],
        "reversal_id": reversal["id"],
        "source_id": client.source["id"],
        "endpoint_id": endpoint["id"],
        "key_id": credential["id"],
        "assignment_id": held["id"],
        "item_id": decided["id"],
        "backtest_id": backtest["id"],
        "macro_id": macro["id"],
        "list_id": shared["id"],
        "case_id": case_id,
        "decision_id": made["id"],
        "hold_id": holds[0]["id"],
        "action_id": action["id"],
        "contract_id": contract["id"],
        "period_id": show_id("prd", period.id),
        "entry_id": entry["id"],
        "threshold_id": threshold["id"],
        "plan_code": contract["rate_plan"]["code"],
        "media_id": held["item"]["media"][0]["id"],
        "delivery_id": (await owner.call("GET", f"/owner/v1/deliveries?client={client.id}"))["data"][0]["id"],
    }
    items = {
        one["external_id"]: one["id"] for one in (allowed, decided, asked, escalated, in_hand, waiting, unscreened)
    }
    return Household(client, mark, ids, items)


async def bill(agency: Agency, homes: list[Household]) -> str:
    """A seller, a month end, and for each client a quote, an invoice that was sent and paid in part, a credit note."""
    await set_up_seller(agency)
    for home in homes:
        client, ids = home.client, home.ids
        terms = {"rate_plan": {"code": ids["plan_code"], "version": 1}, "buyer": BUYER, "tax": TAX}
        quote = await client.owner.call("POST", f"{client.base}/quotes", OFFER | terms, 201)
        invoice = await issue(client, "2026-05")
        path = f"{client.base}/invoices/{invoice['id']}"
        await client.owner.call("POST", f"{path}/send", {}, 200)
        await client.owner.call("POST", f"{path}/payments", {"amount": "1", "paid_on": "2026-06-01"}, 201)
        line = invoice["document"]["lines"][0]["id"]
        dispute = {"reason": home.mark, "lines": [{"id": line, "quantity": "0.1"}], "dry_run": False}
        await client.owner.call("POST", f"{path}/credit-notes", dispute, 201)
        ids |= {"invoice_id": invoice["id"], "quote_id": quote["id"], "line_id": "manual:x"}
    run: str = (await agency.owner.call("POST", "/owner/v1/billing-runs", {"period": "2026-04"}, 201))["id"]
    return run


async def watch(world, agency_id: UUID, homes: list[Household]) -> None:
    """What the worker counts and raises over time."""
    present = datetime.now(UTC)
    for at in (present, find_count_time(present) + timedelta(seconds=1)):
        await world.move_clock(at - present)
        assert await Drains(world.worker).run("rates", agency_id)
    await world.move_clock(timedelta(hours=2))
    assert await Drains(world.worker).run("watch", agency_id)
    await world.reset_clock()
    assert await Drains(world.worker).run("usage", agency_id)
    async with world.worker.database.transaction(Scope(agency_id)) as session:
        for home in homes:
            client_id = parse_id("cli", home.client.id)
            await raise_alarm(session, agency_id, Trouble("rule.anomaly", home.mark, client_id))
            left: Json = {"mode": "finish", "starts_at": present, "term_days": 30, "requested_by": home.mark}
            left |= {"state": "cancelled", "ended_at": present, "id": new_id()}
            home.ids["offboarding_id"] = show_id("ofb", left["id"])
            session.add(Offboarding(agency_id=agency_id, client_id=client_id, **left))
    async with world.parts.database.transaction(Scope(agency_id)) as session:
        for home in homes:
            invoice = await session.get_one(Invoice, (agency_id, parse_id("inv", home.ids["invoice_id"])))
            await order_mail(session, invoice, f"{home.mark}@x.example", invoice.created_by)


async def set_up_provider(world, agency: Agency, homes: list[Household]) -> str:
    """A provider, and what asking it leaves behind; its id."""
    provider = {"kind": "openai", "name": unique("p").replace("-", "_"), "clients": [one.client.id for one in homes]}
    made: str = (await agency.owner.call("POST", "/owner/v1/providers", provider, 201))["id"]
    agency_id, provider_id = parse_id("agc", agency.id), parse_id("prv", made)
    mine = {"agency_id": agency_id, "provider_id": provider_id}
    present = datetime.now(UTC)
    async with world.worker.database.transaction(Scope(agency_id)) as session:
        session.add(CachedScores(**mine, digest=b"x", scores={}))
        for home in homes:
            client_id, item_id = parse_id("cli", home.client.id), parse_id("itm", home.ids["item_id"])
            of_client = {"agency_id": agency_id, "client_id": client_id}
            asked = {"item_id": item_id, "item_revision": 1, "fields": [home.mark], "give_up_at": present}
            session.add(ProviderQuestion(**of_client, **asked, state="answered"))
            session.add(ProviderCalls(**of_client, provider_id=provider_id, day=present.date()))
    return made


async def set_up_identity(world, agency: Agency, member_id: str) -> dict[str, str]:
    """A provider that knows a member, and a look of the operator's."""
    provider = {"name": NEVER_ANSWERED, "issuer": f"http://127.0.0.1:9/{unique('i')}", "audience": "veilleur-api"}
    made: str = (await agency.owner.call("POST", "/owner/v1/identity-providers", provider, 201))["id"]
    agency_id = parse_id("agc", agency.id)
    async with world.parts.database.transaction(Scope(agency_id)) as session:
        whose = parse_id("idp", made), unique("sub"), parse_id("mem", member_id)
        await link_identity(session, agency_id, *whose)
    identities = await agency.owner.call("GET", f"/owner/v1/members/{member_id}/identities")
    look = {"reason": NEVER_ANSWERED, "minutes": 5}
    operator = Caller(world.admin, world.operator.key)
    await operator.call("PUT", f"/admin/v1/agencies/{agency.id}/quota", {"items_per_day": 10**9}, 200)
    await world.parts.gate.settle()
    grant = await operator.call("POST", f"/admin/v1/agencies/{agency.id}/break-glass", look, 201)
    return {"identity_provider": made, "identity": identities["data"][0]["id"], "break_glass": grant["id"]}


async def screen(world, client: Client) -> None:
    """What the worker would do with what this client's agency received."""
    (row,) = await world.fetch("SELECT agency_id FROM clients WHERE id = $1", parse_id("cli", client.id))
    assert await Drains(world.worker).run("screening", row["agency_id"])


async def take(world, moderator: Caller, client: Client) -> Json:
    await screen(world, client)
    answer = await moderator.call("POST", "/moderator/v1/assignments", {"hold": 10})
    return next(one for one in answer["assignments"] if one["client"]["id"] == client.id)


@pytest.fixture(scope="session")
async def thief(world):
    return await settle(world, "thief")


@pytest.fixture(scope="session")
async def seized(world):
    return await settle(world, "seized")


# --- what is asked ---------------------------------------------------------------------------------------------------

CALENDAR = {"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "18:00"]]}}
POLL = {"url": "http://127.0.0.1:9", "api_key": "0123456789"}
ACTOR: Json = {
    "mode": "act_after_hold",
    "hold_s": 86_400,
    "platform": "discourse",
    "credentials": {"url": "http://127.0.0.1:9", "api_key": NEVER_ANSWERED},
}
BODIES: dict[str, Callable[[], Json]] = {
    "put_client_quota": lambda: {"items_per_s": 1},
    "change_identity_provider": lambda: {"name": "Mine now", "active": False},
    "decide_assignment": lambda: {"fence": 1, "revision": 1, "verdict": "allow"},
    "release_assignment": lambda: {"fence": 1},
    "skip_assignment": lambda: {"fence": 1, "reason": "other"},
    "hand_over_assignment": lambda: {"fence": 1, "to": "mem_x"},
    "escalate_assignment": lambda: {"fence": 1, "queue": "default", "note": "x"},
    "ask_about_assignment": lambda: {"fence": 1, "question": "x"},
    "answer_case_question": lambda: {"text": "x"},
    "write_note": lambda: {"text": "x"},
    "change_client": lambda: {"name": "Mine now"},
    "create_source": lambda: {"kind": "standard", "name": unique("s")},
    "change_source": lambda: {"mode": "paused"},
    "rotate_secret": lambda: {"overlap_s": 0},
    "put_poll": lambda: POLL,
    "put_actor": lambda: ACTOR,
    "create_endpoint": lambda: {"url": "http://127.0.0.1:9/mine"},
    "change_client_endpoint": lambda: {"url": "http://127.0.0.1:9/mine"},
    "change_agency_endpoint": lambda: {"state": "disabled"},
    "rotate_client_endpoint_secret": lambda: {"overlap_s": 0},
    "recover_deliveries": lambda: {"since": "2026-01-01T00:00:00Z"},
    "replay_missing_events": dict,
    "change_own_endpoint": lambda: {"url": "http://127.0.0.1:9/mine"},
    "rotate_own_secret": lambda: {"overlap_s": 0},
    "recover_own_deliveries": lambda: {"since": "2026-01-01T00:00:00Z"},
    "replay_own_missing_events": dict,
    "create_credential": lambda: {"kind": "api_key", "name": "mine", "scopes": ["items:read"]},
    "create_policy": lambda: {"code": unique("p"), "title": "x"},
    "create_action": lambda: {"code": unique("a"), "title": "x", "verdict": "remove", "targets": ["item"]},
    "correct_made_decision": lambda: {"verdict": "allow", "reason": "x"},
    "overrule_made_decision": lambda: {"verdict": "allow", "reason": "x"},
    "set_member_care": lambda: {"blur": False},
    "quarantine_assignment": lambda: {"fence": 1, "class": "terror"},
    "create_macro": lambda: {"code": unique("m"), "title": "x", "texts": {"fr": "x"}},
    "replace_macro": lambda: {"code": unique("m"), "title": "Mine now", "texts": {"fr": "x"}},
    "replace_agency_list": lambda: {"title": "Mine now", "list": {"entries": ["x"]}},
    "create_client_list": lambda: {"code": unique("l"), "title": "x", "list": {"entries": ["x"]}},
    "replace_client_list": lambda: {"title": "Mine now", "list": {"entries": ["x"]}},
    "create_sla_policy": lambda: {"policy": SLA_POLICY, "apply_to": "open"},
    "change_calendar": lambda: {"name": "Mine now", "calendar": CALENDAR, "apply_to": "open"},
    "create_rule_set": lambda: {"rule_set": RULES},
    "put_config": lambda: {"settings": None},
    "change_automation": lambda: {"mode": "off", "reason": "x"},
    "change_member": lambda: {"name": "Mine now", "active": False},
    "start_backtest_run": dict,
    "roll_back_rules": lambda: {"reason": "x"},
    "tune_rules": lambda: {"param": "x"},
    "change_provider_settings": lambda: {"timeout_s": 1.0},
    "test_provider": lambda: {"text": "x"},
    "waive_sla_breach": lambda: {"reason": "x"},
    "change_queue": lambda: {"name": "Mine now"},
    "create_absence": lambda: ABSENCE,
    "replace_shift": lambda: SHIFT | {"member": "mem_x"},
    "assign_case_to": lambda: {"member": "mem_x"},
    "set_case_priority": lambda: {"priority": "urgent", "retarget": True},
    "route_case_to": lambda: {"queue": "default"},
    "lift_legal_hold": lambda: {"reason": "x"},
    "close_case_undecided": lambda: {"reason": "x"},
    "put_data_policy": lambda: {"providers": []},
    "offboard_client": lambda: {"mode": "finish"},
    "create_contract": lambda: {
        "rate_plan": {"code": "x", "version": 1},
        "starts_on": "2031-01-01",
        "buyer": BUYER,
        "tax": TAX,
    },
    "create_usage_entry": lambda: {
        "meter": "content.piece",
        "quantity": "1",
        "occurred_at": "2026-05-01T00:00:00Z",
        "note": "x",
    },
    "refuse_usage_entry": lambda: {"reason": "x"},
    "reverse_usage_entry": lambda: {"reason": "x"},
    "create_usage_threshold": lambda: {"kind": "amount", "value": "1"},
    "end_client_contract": lambda: {"ends_on": "2031-01-01"},
    "create_quote": lambda: OFFER | {"rate_plan": {"code": "x", "version": 1}, "buyer": BUYER, "tax": TAX},
    "accept_client_quote": lambda: {"name": "x", "digest": "0" * 64},
    "refuse_client_quote": dict,
    "create_invoice": lambda: {"period": "2026-03"},
    "add_invoice_line": lambda: {"description": {"en": "x"}, "quantity": "1", "unit_price": "1"},
    "set_invoice_exchange": lambda: {"rate": "1", "on": "2026-06-01", "source": "x"},
    "send_invoice": dict,
    "create_payment": lambda: {"amount": "1", "paid_on": "2026-06-01"},
    "create_credit_note": lambda: {"reason": "x"},
    "create_cost_rate": lambda: {"from": "2031-01-01", "per_hour": "1"},
}
"""A body that would be accepted, for operations whose path names what they change."""

BODY_IDS: dict[str, tuple[Callable[[Tenant, Household], Json], str]] = {
    "send_items": (lambda _, home: {"source": home.client.source["id"], "items": [{"external_id": "x", "text": "x"}]}, "/source"),
    "create_client": (
        lambda tenant, _: {"slug": unique("c"), "name": "x", "time_zone": "UTC", "calendar": tenant.ids["calendar"]},
        "/calendar",
    ),
    "create_member": (
        lambda _, home: {"email": f"{unique('m')}@x.example", "name": "x", "roles": ["moderator"], "clients": [home.client.id]},
        "/clients/0",
    ),
    "create_shift": (lambda tenant, _: SHIFT | {"member": tenant.ids["member"]}, "/member"),
    "reverse_rules": (lambda _, home: {"filter": {"client": home.client.id}}, "/filter/client"),
    "create_routing_rule": (
        lambda _, home: {"name": "x", "when": {"client": [home.client.id]}, "queue": "default"}, "/when/client/0",
    ),
    "replace_routing_rules": (
        lambda tenant, _: {"rules": [{"name": "x", "queue": tenant.ids["queue"]}]}, "/rules/0/queue",
    ),
    "preview_routing": (lambda _, home: {"client": home.client.id}, "/client"),
    "create_provider": (
        lambda _, home: {"kind": "openai", "name": unique("p").replace("-", "_"), "clients": [home.client.id]},
        "/clients/0",
    ),
    "check_rules": (lambda _, home: {"client": home.client.id, "rule_set": RULES}, "/client"),
    "preview_rules": (
        lambda _, home: {"client": home.client.id, "rule_set": RULES, "items": [{"external_id": "x", "text": "x"}]},
        "/client",
    ),
}  # fmt: skip
"""A body that names what belongs to another, and where a 422 would have to point."""

QUERY_IDS: dict[str, Callable[[Household], str]] = {
    "look_up_item": lambda home: f"?source={home.client.source['id']}&external_id=c_decided",
    "search_client_items": lambda home: f"?client={home.client.id}&author=u_1",
    "get_usage": lambda home: f"?client={home.client.id}",
    "list_usage_records": lambda home: f"?client={home.client.id}",
    "get_reconciliation": lambda home: f"?client={home.client.id}",
    "list_platform_actions": lambda home: f"?client={home.client.id}",
    "list_deliveries": lambda home: f"?client={home.client.id}",
    "list_legal_holds": lambda home: f"?client={home.client.id}",
    "get_compliance": lambda home: f"?client={home.client.id}",
    "list_at_risk": lambda home: f"?client={home.client.id}",
    "list_sla_breaches": lambda home: f"?client={home.client.id}",
    "get_forecast": lambda home: f"?client={home.client.id}",
    "get_margin": lambda home: f"?client={home.client.id}&period=2026-05",
    "list_alarms": lambda home: f"?client={home.client.id}",
    "list_audit_entries": lambda home: f"?client={home.client.id}",
}

ALONE = {
    "revoke_token": "ends what its bearer holds, names no id",
    "begin_login": "reads a provider's public face; what it trusts is tried in tests of its own",
    "finish_login": "believes its own cookie only",
    "receive_webhook": "answers to signatures only",
    "answer_handshake": "answers to who knows the source and its verify token",
    "send_heartbeat": "answers for each lease apart",
    "claim_assignments": "names no id; what it hands out is looked at",
    "set_my_status": "names no id",
    "set_care": "names no id",
    "set_own_care": "names no id",
    "create_identity_provider": "names no id",
    "create_queue": "names no id",
    "create_agency_list": "names no id",
    "create_agency_endpoint": "names no id",
    "create_calendar": "names no id",
    "create_own_endpoint": "names no id",
    "create_rate_plan": "names no id",
    "preview_calendar_operation": "touches no row",
    "list_sla_classes": "the same for everybody",
    "preview_rate_plan": "touches no row",
    "get_starting_pack": "touches no row",
    "erase_author_data": "an author's id is the client's own word; see below",
    "get_author_data": "the same",
    "put_billing_profile": "names no id",
    "create_billing_run": "names no id",
    "issue_token": "trades secrets, names no id but its own",
    "get_server_metadata": "public",
    "get_jwks": "public",
}
"""Operations tried in tests of their own, or with nothing of anybody's in them."""

AUDIENCES = {"ingest": "client", "moderator": "moderator", "owner": "owner"}


@dataclass(frozen=True)
class Operation:
    name: str
    audience: str
    method: str
    path: str

    @property
    def path_ids(self) -> list[str]:
        return [name for name in re.findall(r"{(\w+)}", self.path) if name != "version"]

    @property
    def lists(self) -> bool:
        """It reads, and everything it needs is in the credential."""
        return (
            self.method == "GET"
            and not self.path_ids
            and self.name not in ALONE
            and self.name not in ("look_up_item", "search_client_items", "get_reconciliation", "get_margin")
        )


def list_operations() -> list[Operation]:
    documents = build_documents()
    return [
        Operation(operation["operationId"], audience, method.upper(), path)
        for audience in AUDIENCES
        for path, operations in documents[audience]["paths"].items()
        for method, operation in operations.items()
    ]


OPERATIONS = list_operations()
BY_PATH = [one for one in OPERATIONS if one.path_ids and one.name not in ALONE]
LISTS = [one for one in OPERATIONS if one.lists]
named = {"ids": lambda one: getattr(one, "name", str(one))}


def caller_of(tenant: Tenant, audience: str) -> Caller:
    return {"client": tenant.homes[0].client.api, "moderator": tenant.moderator, "owner": tenant.agency.owner}[
        AUDIENCES[audience]
    ]


async def try_path(tenant: Tenant, operation: Operation, ids: dict[str, str]) -> Any:
    caller = caller_of(tenant, operation.audience)
    body = BODIES[operation.name]() if operation.name in BODIES else None
    return await caller.ask(operation.method, operation.path.format(version=1, **ids), body)


# --- what must hold --------------------------------------------------------------------------------------------------


async def dump(world, column: str, owner: UUID) -> dict[str, list[str]]:
    """Every row whose `column` names `owner`, table by table, as text."""
    tables = await world.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $1"
        " WHERE c.relkind = 'r' AND c.relrowsecurity AND c.relnamespace = 'public'::regnamespace",
        column,
    )
    rows: dict[str, list[str]] = {table["relname"]: [] for table in tables}
    parts = [f"SELECT '{name}' AS name, t::text AS row FROM {name} t WHERE {column} = $1" for name in rows]
    for found in await world.fetch(" UNION ALL ".join(parts) + " ORDER BY 1, 2", owner):
        rows[found["name"]].append(found["row"])
    return rows


async def dump_agency(world, tenant: Tenant) -> dict[str, list[str]]:
    return await dump(world, "agency_id", tenant.uuid)


async def dump_client(world, home: Household) -> dict[str, list[str]]:
    return await dump(world, "client_id", parse_id("cli", home.client.id))


def shown_ids(rows: dict[str, list[str]]) -> set[str]:
    """Every UUID of these rows as an answer would show it, without its prefix."""
    found = {uuid for table in rows.values() for row in table for uuid in UUIDS.findall(row)}
    return {show_id("itm", UUID(uuid)).partition("_")[2] for uuid in found}


def refuses(answer: Any, pointer: str | None = None) -> None:
    """404, or a 422 that names the field; and no word of what is there."""
    problem = answer.json()
    if pointer is not None and answer.status_code == 422:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    else:
        assert answer.status_code == 404, (answer.status_code, answer.text)
        assert problem["type"] == "urn:veilleur:problem:not-found"
    assert NEVER_ANSWERED not in answer.text


def test_every_operation_is_tried_or_has_a_reason_not_to_be():
    tried = {one.name for one in (*BY_PATH, *LISTS)} | BODY_IDS.keys() | QUERY_IDS.keys() | ALONE.keys()
    assert {one.name for one in OPERATIONS} == tried
    assert {one.name for one in BY_PATH if one.method in ("POST", "PATCH", "PUT")} - BODIES.keys() == {
        "approve_usage_entry", "close_billing_period",
        "end_break_glass_grant",
        "ping_endpoint", "ping_agency_endpoint", "ping_own_endpoint", "redeliver_delivery", "redeliver_own_delivery",
        "test_source", "publish_rules", "stop_reversal", "create_login_code", "release_case",
        "approve_rules", "start_shadow_run", "cancel_backtest_run", "test_actor", "redo_platform_action",
        "cancel_decision_actions",
        "cancel_client_offboarding",
        "approve_invoice_line", "finalize_invoice",
        "send_client_quote", "finalize_billing_run",
    }  # fmt: skip


async def test_the_agency_that_is_tried_has_rows_in_every_table(world, seized):
    rows = await dump_agency(world, seized)
    assert len(rows) > 25
    assert [table for table, found in rows.items() if not found] == []


@pytest.mark.parametrize("operation", BY_PATH, **named)
async def test_ids_of_another_agency_lead_nowhere(world, thief, seized, operation):
    other, own = seized.path_ids, thief.path_ids
    before = await dump_agency(world, seized)
    refuses(await try_path(thief, operation, other))
    for name in operation.path_ids[1:]:
        refuses(await try_path(thief, operation, own | {name: other[name]}))
    assert await dump_agency(world, seized) == before


@pytest.mark.parametrize(
    "operation", [one for one in BY_PATH if one.path_ids[0] == "client_id" and len(one.path_ids) > 1], **named
)
async def test_ids_under_a_client_are_that_clients_own(world, thief, operation):
    first, second = thief.homes
    before = await dump_client(world, second)
    for name in operation.path_ids[1:]:
        refuses(await try_path(thief, operation, first.ids | {name: second.ids[name]}))
    assert await dump_client(world, second) == before


@pytest.mark.parametrize("operation", [one for one in BY_PATH if one.audience == "ingest"], **named)
async def test_a_key_finds_nothing_of_the_agencys_other_client(world, thief, operation):
    before = await dump_client(world, thief.homes[1])
    refuses(await try_path(thief, operation, thief.homes[1].ids))
    assert await dump_client(world, thief.homes[1]) == before


@pytest.mark.parametrize("name", BODY_IDS)
async def test_ids_of_another_agency_in_a_body_are_unknown(world, thief, seized, name):
    make, pointer = BODY_IDS[name]
    operation = next(one for one in OPERATIONS if one.name == name)
    before = await dump_agency(world, seized), await dump_agency(world, thief)
    body = make(seized, seized.homes[0])
    refuses(await caller_of(thief, operation.audience).ask(operation.method, operation.path, body), pointer)
    assert (await dump_agency(world, seized), await dump_agency(world, thief)) == before


async def test_a_key_sends_nothing_into_the_agencys_other_client(world, thief):
    make, pointer = BODY_IDS["send_items"]
    before = await dump_client(world, thief.homes[1])
    refuses(await thief.homes[0].client.api.ask("POST", "/ingest/v1/items", make(thief, thief.homes[1])), pointer)
    assert await dump_client(world, thief.homes[1]) == before


async def test_a_client_or_member_is_not_changed_to_point_into_another_agency(world, thief, seized):
    owner, home = thief.agency.owner, thief.homes[0]
    refuses(await owner.ask("PATCH", home.client.base, {"calendar": seized.ids["calendar"]}), "/calendar")
    path = f"/owner/v1/members/{thief.ids['member']}"
    refuses(await owner.ask("PATCH", path, {"clients": [home.client.id, seized.homes[0].client.id]}), "/clients/1")
    assert (await owner.call("GET", path))["clients"] == "all"


@pytest.mark.parametrize("name", QUERY_IDS)
async def test_ids_of_another_agency_in_a_query_are_unknown(thief, seized, name):
    operation = next(one for one in OPERATIONS if one.name == name)
    refuses(await caller_of(thief, operation.audience).ask("GET", operation.path + QUERY_IDS[name](seized.homes[0])))


async def test_a_key_looks_nothing_up_in_the_agencys_other_client(thief):
    query = QUERY_IDS["look_up_item"](thief.homes[1])
    refuses(await thief.homes[0].client.api.ask("GET", f"/ingest/v1/items{query}"))
    await thief.homes[1].client.api.call("GET", f"/ingest/v1/items{query}", status=200)


@pytest.mark.parametrize("operation", LISTS, **named)
async def test_lists_hold_nothing_of_another_agency(world, thief, seized, operation):
    query = "?limit=200" if operation.name.startswith("list_") and operation.name != "list_assignments" else ""
    query += "?date=2027-03-01" if operation.name == "get_coverage" else ""
    query += "?group_by=client,source,day,member,meter" if operation.name == "get_usage" else ""
    query += "?from=2026-01-01&to=2028-01-01" if operation.name == "get_journal" else ""
    answer = await caller_of(thief, operation.audience).ask("GET", operation.path + query)
    assert answer.status_code == 200, answer.text
    foreign = shown_ids(await dump_agency(world, seized)) - shown_ids(await dump_agency(world, thief))
    assert len(foreign) > 50
    assert [one for one in foreign if one in answer.text] == []
    assert "seized" not in answer.text
    if operation.audience == "ingest":
        own = shown_ids(await dump_client(world, thief.homes[0]))
        siblings = shown_ids(await dump_client(world, thief.homes[1])) - own
        assert [one for one in siblings if one in answer.text] == []
        assert thief.homes[1].mark not in answer.text


async def test_lists_do_hold_what_is_ones_own(world, thief):
    """So that the tests above do not look at empty answers."""
    home = thief.homes[0]
    for audience, path, expected in (
        ("owner", "/owner/v1/clients", home.client.id),
        ("owner", f"{home.client.base}/endpoints", home.ids["endpoint_id"]),
        ("owner", f"{home.client.base}/credentials", home.ids["key_id"]),
        ("owner", "/owner/v1/members", thief.ids["member"]),
        ("owner", "/owner/v1/queues", thief.ids["queue"]),
        ("owner", "/owner/v1/calendars", thief.ids["calendar"]),
        ("owner", "/owner/v1/usage?group_by=client,source", home.client.source["id"]),
        ("owner", "/owner/v1/usage/records?limit=200", home.items["c_decided"]),
        ("owner", "/owner/v1/deliveries?limit=200", home.ids["endpoint_id"]),
        ("owner", "/owner/v1/alarms", home.mark),
        ("owner", f"{home.client.base}/rule-sets/1/backtests", home.ids["backtest_id"]),
        ("moderator", "/moderator/v1/assignments", home.ids["assignment_id"]),
        ("owner", f"{home.client.base}/invoices", home.ids["invoice_id"]),
        ("owner", f"{home.client.base}/quotes", home.ids["quote_id"]),
        ("owner", "/owner/v1/billing-runs", thief.ids["run"]),
        ("ingest", "/ingest/v1/invoices", home.ids["invoice_id"]),
        ("ingest", "/ingest/v1/me", home.client.source["id"]),
        ("ingest", "/ingest/v1/endpoints", home.ids["endpoint_id"]),
        ("ingest", "/ingest/v1/deliveries?limit=200", home.ids["delivery_id"]),
        ("ingest", "/ingest/v1/events?limit=200", home.items["c_decided"]),
        ("ingest", f"/ingest/v1/items/{home.items['c_decided']}", home.items["c_decided"]),
    ):
        answer = await caller_of(thief, audience).ask("GET", path)
        assert expected in answer.text, path


async def test_a_cursor_of_another_agency_opens_nothing(thief, seized):
    for path in ("/owner/v1/clients", "/owner/v1/deliveries", "/owner/v1/usage/records"):
        cursor = (await seized.agency.owner.call("GET", f"{path}?limit=1"))["next"]
        answer = await thief.agency.owner.ask("GET", f"{path}?limit=200&after={cursor}")
        assert answer.status_code == 200
        assert "seized" not in answer.text
        for home in seized.homes:
            assert home.client.id not in answer.text


@pytest.mark.parametrize("whose", ["another agency", "the other client"])
async def test_a_webhook_signed_with_ones_own_secret_enters_no_other_source(world, thief, seized, whose):
    home = seized.homes[0] if whose == "another agency" else thief.homes[1]
    mine = thief.homes[0].client
    before = await dump_client(world, home)
    raw = json.dumps({"type": "item.deleted", "data": {"external_id": "c_decided"}}).encode()
    answer = await mine.http.post(f"/ingest/v1/sources/{home.client.source['id']}", content=raw, headers=mine.sign(raw))
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:veilleur:problem:bad-signature")
    await world.parts.unstored.settle()
    after = await dump_client(world, home)
    notes, noted = before.pop("unstored_deliveries"), after.pop("unstored_deliveries")
    assert after == before
    assert len(noted) == len(notes) + 1
    assert "c_decided" not in str(noted)


async def test_a_heartbeat_keeps_nobody_elses_lease(world, thief, seized):
    mine, foreign = thief.homes[0].ids["assignment_id"], seized.homes[0].ids["assignment_id"]
    before = await dump_agency(world, seized)
    held = [{"id": mine, "fence": 1}, {"id": foreign, "fence": 1}]
    answer = await thief.moderator.call("POST", "/moderator/v1/heartbeat", {"assignments": held}, 200)
    kept, refused = answer["assignments"]
    assert "expires_at" in kept
    assert (refused["problem"]["status"], set(refused)) == (404, {"id", "problem"})
    assert await dump_agency(world, seized) == before


@pytest.mark.parametrize("operation", [one for one in BY_PATH if "assignment_id" in one.path_ids], **named)
async def test_an_assignment_is_its_holders_alone(world, thief, operation):
    colleague = await thief.agency.add_moderator("all")
    before = await dump_client(world, thief.homes[0])
    path = operation.path.format(**thief.homes[0].ids)
    body = BODIES[operation.name]() if operation.name in BODIES else None
    refuses(await colleague.ask(operation.method, path, body))
    assert await dump_client(world, thief.homes[0]) == before


async def test_a_moderator_is_handed_only_what_the_granted_clients_sent(world, thief, seized):
    """In an agency of its own, because claiming takes what there is."""
    agency = await world.operator.found_agency()
    first, second = [await agency.add_client() for _ in range(2)]
    moderator = await agency.add_moderator([first.id], capacity=20)
    wanted = {(await first.accept())["id"] for _ in range(2)}
    for _ in range(2):
        await second.accept()
    await world.drain()
    for queues in (None, ["default"]):
        claim = {"hold": 10} | ({"queues": queues} if queues else {})
        answer = await moderator.call("POST", "/moderator/v1/assignments", claim, 200)
        assert {one["item"]["id"] for one in answer["assignments"]} == wanted
    foreign = await moderator.ask("POST", "/moderator/v1/assignments", {"hold": 10, "queues": [seized.ids["queue"]]})
    refuses(foreign, "/queues/0")
    refuses(await moderator.ask("GET", f"/moderator/v1/clients/{second.id}/guide"))


async def test_a_rule_set_can_not_send_cases_into_another_agencys_queue(thief, seized):
    rules = json.loads(json.dumps(RULES))
    rules["rules"][0]["then"]["escalate"]["queue"] = seized.ids["queue"]
    answer = await thief.agency.owner.ask("POST", f"{thief.homes[0].client.base}/rule-sets", {"rule_set": rules})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/rules/0/then/escalate/queue"


async def test_the_same_names_in_two_agencies_do_not_meet(world):
    """Slugs, e-mails, external ids and webhook ids are each agency's own."""
    receipts = []
    for _ in range(2):
        agency = await world.operator.found_agency()
        client = await agency.add_client(slug="forum")
        await agency.add_moderator(email="mo@agency.example")
        answer = await client.send({"external_id": "c_1", "text": "Bonjour"}, webhook_id="msg_1")
        receipts += answer.json()["items"]
    assert [receipt["status"] for receipt in receipts] == ["accepted", "accepted"]
    assert receipts[0]["id"] != receipts[1]["id"]


async def test_a_client_scoped_transaction_sees_exactly_the_clients_rows_in_every_table(world, thief, seized):
    rows = await world.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('veilleur_client', oid, 'SELECT')"
    )
    tables = {row["relname"] for row in rows}
    assert {"clients", "sources", "items", "decisions", "cases", "usage_records", "events"} <= tables
    for home in (*thief.homes, *seized.homes):
        tenant = thief if home in thief.homes else seized
        scope = Scope(tenant.uuid, parse_id("cli", home.client.id))
        for table in tables:
            column = "id" if table == "clients" else "client_id"
            async with world.parts.database.transaction(scope) as session:
                seen = set(await session.scalars(text(f"SELECT t::text FROM {table} t")))
            own = await world.fetch(f"SELECT t::text AS row FROM {table} t WHERE {column} = $1", scope.client_id)
            assert seen == {row["row"] for row in own}, table


async def test_a_client_scoped_transaction_can_write_nowhere(world, thief):
    rows = await world.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    scope = Scope(thief.uuid, parse_id("cli", thief.homes[0].client.id))
    for row in rows:
        for command in (f"DELETE FROM {row['relname']}", f"INSERT INTO {row['relname']} DEFAULT VALUES"):
            with pytest.raises(Exception, match="permission denied"):
                async with world.parts.database.transaction(scope) as session:
                    await session.execute(text(command))


async def test_an_author_of_the_same_name_elsewhere_is_neither_shown_nor_erased(world, thief):
    """Both clients know a `u_1`."""
    agency = await world.operator.found_agency()
    first, second = [await agency.add_client() for _ in range(2)]
    for client in (first, second):
        await client.accept(f"from {client.id}", external_id="c_1", author={"external_id": "u_1"})
    assert await Drains(world.worker).run("screening", parse_id("agc", agency.id))
    before = await dump(world, "client_id", parse_id("cli", second.id))
    seen = await first.api.call("GET", "/ingest/v1/authors/u_1", status=200)
    assert [one["item"]["text"] for one in seen["data"]] == [f"from {first.id}"]
    await first.api.call("DELETE", "/ingest/v1/authors/u_1", status=202)
    for kind in ("erasure", "screening", "erasure"):
        assert await Drains(world.worker).run(kind, parse_id("agc", agency.id))
    assert await dump(world, "client_id", parse_id("cli", second.id)) == before
    refuses(await first.api.ask("GET", f"/ingest/v1/authors/u_1?source={second.source['id']}"))
    refuses(await first.api.ask("DELETE", f"/ingest/v1/authors/u_1?source={second.source['id']}"))


async def test_draining_one_agency_does_not_touch_the_other(world, thief, seized):
    before = await dump_agency(world, seized)
    sent = await thief.homes[0].client.accept("fine")
    for kind in DRAINS:
        assert await Drains(world.worker).run(kind, thief.uuid)
    assert (await thief.homes[0].client.look(sent["id"]))["state"] == "decided"
    assert await dump_agency(world, seized) == before
