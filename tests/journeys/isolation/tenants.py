"""An agency full of everything."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.journeys.isolation.households import NEVER_ANSWERED, OFFER, RULES, Household, furnish
from tests.support.billing import BUYER, TAX
from tests.support.invoicing import issue, set_up_seller
from tests.support.people import Agency, Caller, Json, unique
from veilleur.domain.alarms.record import Trouble, raise_alarm
from veilleur.domain.custody.models import Offboarding
from veilleur.domain.invoicing.invoice_models import Invoice
from veilleur.domain.invoicing.mail_invoice import order_mail
from veilleur.domain.providers.models import CachedScores, ProviderCalls, ProviderQuestion
from veilleur.domain.screening.windows import find_count_time
from veilleur.domain.tenancy.connect_provider import link_identity
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import new_id, parse_id, show_id
from veilleur_worker.drains import Drains

SHIFT: Json = {
    "time_zone": "UTC",
    "weekly": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
}
ABSENCE: Json = {"from": "2031-01-01T00:00:00Z", "to": "2031-01-02T00:00:00Z", "reason": NEVER_ANSWERED}


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
