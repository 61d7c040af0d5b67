"""A client with something in every table."""

from dataclasses import dataclass, field
from datetime import date

from tests.support.billing import close_month, count_on, sign
from tests.support.people import Caller, Client, Json, unique
from veilleur.kernel.ids import parse_id, show_id
from veilleur_worker.drains import Drains

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

MEDIA = [{"url": "http://127.0.0.1:9/x.png", "type": "image"}]

OFFER: Json = {"starts_on": "2031-01-01", "valid_until": "2030-01-01"}

POLL = {"url": "http://127.0.0.1:9", "api_key": "0123456789"}

ACTOR: Json = {
    "mode": "act_after_hold",
    "hold_s": 86_400,
    "platform": "discourse",
    "credentials": {"url": "http://127.0.0.1:9", "api_key": NEVER_ANSWERED},
}


@dataclass
class Household:
    """A client with something in every table, and the ids under which it could be asked for."""

    client: Client
    mark: str
    ids: dict[str, str] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)

    @property
    def author(self) -> Json:
        return {"author": {"external_id": "u_1", "display_name": self.mark}}

    async def accept(self, external_id: str, text: str, **parts: Json) -> None:
        item = await self.client.accept(f"{text}, {self.mark}", external_id=external_id, **self.author, **parts)
        self.items[external_id] = item["id"]


async def furnish(world, client: Client, moderator: Caller, name: str) -> Household:
    home = Household(client, f"{NEVER_ANSWERED} {unique(name)}", {"client_id": client.id})
    await set_up_terms(home)
    await set_up_platforms(home)
    await work_through_cases(world, home, moderator)
    await leave_in_hand(world, home, moderator)
    await leave_unseen(world, home)
    await count_work(world, home)
    home.ids |= await start_jobs(home)
    return home


async def set_up_terms(home: Household) -> None:
    """Endpoint, second credential, terms and catalogue."""
    client, owner, mark, code = home.client, home.client.owner, home.mark, unique("code")
    home.ids["endpoint_id"] = (await client.add_endpoint("http://127.0.0.1:9/hook"))["id"]
    key = {"kind": "oauth_client", "name": mark, "scopes": ["ingest:write", "items:read"]}
    home.ids["key_id"] = (await owner.call("POST", f"{client.base}/credentials", key, 201))["id"]
    policy = {"policy": SLA_POLICY, "apply_to": "open", "note": mark}
    await owner.call("POST", f"{client.base}/sla-policies", policy, 201)
    await owner.call("POST", f"{client.base}/policies", {"code": code, "title": mark}, 201)
    home.ids["policy_code"] = code
    action = {"code": code, "title": mark, "verdict": "remove", "targets": ["item"]}
    await owner.call("POST", f"{client.base}/actions", action, 201)
    reply = {"code": code, "title": mark, "texts": {"fr": mark}}
    home.ids["macro_id"] = (await owner.call("POST", f"{client.base}/macros", reply, 201))["id"]
    own_list = {"code": code, "title": mark, "list": {"entries": [mark]}}
    home.ids["list_id"] = (await owner.call("POST", f"{client.base}/lists", own_list, 201))["id"]
    await owner.call("PUT", f"{client.base}/quota", {"items_per_day": 10**9}, 200)
    await owner.call("PUT", f"{client.base}/data-policy", {"providers": []}, 200)


async def set_up_platforms(home: Household) -> None:
    """What acts on a platform, and what asks one."""
    client, owner = home.client, home.client.owner
    home.ids["source_id"] = client.source["id"]
    await owner.call("PUT", f"{client.base}/sources/{client.source['id']}/actor", ACTOR, 200)
    forum = await owner.call("POST", f"{client.base}/sources", {"kind": "discourse", "name": home.mark}, 201)
    await owner.call("PUT", f"{client.base}/sources/{forum['id']}/poll", POLL, 200)


async def work_through_cases(world, home: Household, moderator: Caller) -> None:
    """Items decided by rules and by a person with notes, asked about, escalated, quarantined."""
    client, mark = home.client, home.mark
    await home.accept("c_allowed", "fine")
    await home.accept("c_decided", "doubtful")
    path, held = await take(world, moderator, client)
    for pin in ("case", "author"):
        await moderator.call("POST", f"{path}/notes", {"text": mark, "pin": pin}, 201)
    ruling = {"fence": held["fence"], "revision": 1, "verdict": "remove", "policies": ["spam"]}
    made = await moderator.call("POST", f"{path}/decision", ruling | {"explanation": mark, "note": mark}, 201)
    await home.accept("c_asked", "doubtful, asked about")
    path, asked = await take(world, moderator, client)
    await moderator.call("POST", f"{path}/ask", {"fence": asked["fence"], "question": mark}, 201)
    await home.accept("c_escalated", "doubtful, escalated")
    path, held = await take(world, moderator, client)
    escalation = {"fence": held["fence"], "queue": "default", "note": mark}
    await moderator.call("POST", f"{path}/escalate", escalation, 200)
    await home.accept("c_severe", "doubtful, severe")
    path, held = await take(world, moderator, client)
    await moderator.call("POST", f"{path}/quarantine", {"fence": held["fence"], "class": "terror"}, 200)
    holds = await client.owner.call("GET", f"/owner/v1/legal-holds?client={client.id}")
    [action] = (await client.owner.call("GET", f"/owner/v1/platform-actions?client={client.id}"))["data"]
    home.ids |= {
        "item_id": home.items["c_decided"], "decision_id": made["id"], "case_id": asked["case"]["id"],
        "hold_id": holds["data"][0]["id"], "action_id": action["id"],
    }  # fmt: skip


async def leave_in_hand(world, home: Household, moderator: Caller) -> None:
    """One case that somebody works on, one that waits."""
    await home.accept("c_in_hand", "doubtful, in hand", media=MEDIA)
    _, held = await take(world, moderator, home.client)
    home.ids |= {"assignment_id": held["id"], "media_id": held["item"]["media"][0]["id"]}
    await home.accept("c_waiting", "doubtful, waiting")
    await screen(world, home.client)


async def leave_unseen(world, home: Household) -> None:
    """What was received and not screened yet, and what was not even believed."""
    await home.accept("c_received", "not yet seen")
    edit = {"external_id": "c_allowed", "text": f"edited, {home.mark}"} | home.author
    assert (await home.client.send(edit, "item.updated")).status_code == 202
    report = {"source": "user", "reason": "insult", "detail": home.mark, "reporter": {"external_id": "u_2"}}
    reported = {"external_id": "c_waiting", "report": report}
    assert (await home.client.send(reported, "item.reported")).status_code == 202
    assert (await home.client.post(b"{}", {"webhook-id": "forged"})).status_code == 401
    await world.parts.unstored.settle()


async def count_work(world, home: Household) -> None:
    """A contract, a closed month, work done outside, a threshold."""
    client, owner = home.client, home.client.owner
    contract = await sign(client, purchase_order=home.mark)
    period = await close_month(world, client, "2026-05")
    await count_on(world, client, date(2026, 5, 31))
    done = {"meter": "content.piece", "quantity": "1", "occurred_at": "2026-05-01T00:00:00Z", "note": home.mark}
    entry = await owner.call("POST", f"{client.base}/usage-entries", done, 201)
    await owner.call("GET", f"/owner/v1/reconciliation?client={client.id}")
    threshold = await owner.call("POST", f"{client.base}/usage-thresholds", {"kind": "amount", "value": "1"}, 201)
    home.ids |= {
        "contract_id": contract["id"], "plan_code": contract["rate_plan"]["code"], "period_id": show_id("prd", period.id),
        "entry_id": entry["id"], "threshold_id": threshold["id"],
    }  # fmt: skip


async def start_jobs(home: Household) -> dict[str, str]:
    """What runs for a while: their ids, and that of a delivery."""
    client, owner = home.client, home.client.owner
    labelled = {"labelled": [{"item": {"external_id": "x", "text": home.mark}, "label": "allow"}]}
    backtest = await owner.call("POST", f"{client.base}/rule-sets/1/backtest", labelled, 202)
    wrong = {"filter": {"client": client.id, "rules": ["doubts"]}}
    reversal = await owner.call("POST", "/owner/v1/reversals", wrong, 202)
    erasure = await client.api.call("DELETE", "/ingest/v1/authors/u_gone", status=202)
    deliveries = await owner.call("GET", f"/owner/v1/deliveries?client={client.id}")
    return {
        "backtest_id": backtest["id"], "reversal_id": reversal["id"], "erasure_id": erasure["erasure_id"],
        "delivery_id": deliveries["data"][0]["id"],
    }  # fmt: skip


async def screen(world, client: Client) -> None:
    """What the worker would do with what this client's agency received."""
    (row,) = await world.fetch("SELECT agency_id FROM clients WHERE id = $1", parse_id("cli", client.id))
    assert await Drains(world.worker).run("screening", row["agency_id"])


async def take(world, moderator: Caller, client: Client) -> tuple[str, Json]:
    """The one case of this client that was not in hand yet: its path, and all about it."""
    await screen(world, client)
    answer = await moderator.call("POST", "/moderator/v1/assignments", {"hold": 10})
    held = next(one for one in answer["assignments"] if one["client"]["id"] == client.id)
    return f"/moderator/v1/assignments/{held['id']}", held
