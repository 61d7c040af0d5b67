"""A seller, and invoices over HTTP."""

from datetime import date
from typing import Any

from tests.support.billing import count_on, sign
from tests.support.people import Agency, Caller, Client, Json
from tests.support.world import World

SELLER: Json = {
    "name": "Vigie Modération", "legal_form": "SAS", "capital": "capital de 10 000 €", "address": ["12 rue des Lilas"],
    "postcode": "75011", "city": "Paris", "country": "FR", "vat_id": "FR83404833048", "siren": "404833048",
    "registration": "RCS Paris 404 833 048", "email": "compta@vigie.example",
}  # fmt: skip
TERMS: Json = {
    "late_penalty": {"fr": "Pénalités de retard : trois fois le taux d'intérêt légal.", "en": "Late payment: 3 × the legal rate."},
    "recovery_indemnity": {"fr": "Indemnité forfaitaire pour frais de recouvrement : 40 €.", "en": "Recovery indemnity: 40 €."},
    "early_payment": {"fr": "Pas d'escompte pour paiement anticipé.", "en": "No discount for early payment."},
}  # fmt: skip
PROFILE: Json = {
    "seller": SELLER, "terms": TERMS, "bank": {"iban": "FR76 3000 6000 0112 3456 7890 189"}, "e_invoice": "none",
}  # fmt: skip


async def set_up_seller(agency: Agency, **more: Any) -> Json:
    return await agency.owner.call("PUT", "/owner/v1/billing-profile", PROFILE | more, 200)


async def set_up_sold(world: World, agency: Agency, *, decisions: int = 120, **contract: Any) -> Client:
    """A client with a contract since January 2026, and decisions in October of that year."""
    client = await agency.add_client()
    await sign(client, **contract)
    await count_on(world, client, date(2026, 10, 15), decisions)
    return client


async def draft(client: Client, period: str = "2026-10", **more: Any) -> Json:
    return await client.owner.call("POST", f"{client.base}/invoices", {"period": period} | more, 201)


async def finalise(client: Client, invoice: Json, caller: Caller | None = None) -> Json:
    path = f"{client.base}/invoices/{invoice['id']}/finalize"
    return await (caller or client.owner).call("POST", path, status=200)


async def issue(client: Client, period: str = "2026-10") -> Json:
    return await finalise(client, await draft(client, period))
