"""Quotes on their way: written, sent as one unchangeable page, accepted by its digest, or refused."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import RatePlanVersion
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.plan import read_plan
from veilleur.domain.billing.pricing import Bill, price_period
from veilleur.domain.billing.queries import find_rate_plan
from veilleur.domain.billing.sign import NewContract, sign_contract
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.billing.unpriced import refuse_unpriced
from veilleur.domain.invoicing.documents.draw import draw_page
from veilleur.domain.invoicing.documents.quote_sheet import lay_out_quote
from veilleur.domain.invoicing.draft import FRANCHISE
from veilleur.domain.invoicing.invoice_models import Quote
from veilleur.domain.invoicing.keep_profile import Seller, find_profile, load_seller
from veilleur.domain.invoicing.offer import Offer, find_unsaid, to_usage
from veilleur.domain.invoicing.take_number import take_number
from veilleur.domain.invoicing.today import read_today
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Signature:
    """Who accepts, and the SHA-256 of the page that was read."""

    name: str
    digest: str
    role: str | None = None
    email: str | None = None


async def write_quote(session: AsyncSession, client: Client, offer: Offer, member_id: UUID) -> Quote:
    """A draft. `Invalid` when there is no such plan, or its prices do not fit the estimate."""
    await _check_days(session, client.agency_id, offer)
    await rate_offer(session, client.agency_id, offer)
    quote = Quote(
        agency_id=client.agency_id, id=new_id(), client_id=client.id, state="draft",
        offer=offer.model_dump(mode="json"), valid_until=offer.valid_until, created_by=member_id,
    )  # fmt: skip
    session.add(quote)
    await session.flush()
    await session.refresh(quote)
    return quote


async def change_quote(session: AsyncSession, quote: Quote, offer: Offer, member_id: UUID) -> None:
    """Another offer in the place of a draft's; `Conflict` once it was sent."""
    if quote.state != "draft":
        raise Conflict(msg("The quote was sent already"), slug="quote-sent")
    await _check_days(session, quote.agency_id, offer)
    await rate_offer(session, quote.agency_id, offer)
    quote.offer, quote.valid_until = offer.model_dump(mode="json"), offer.valid_until
    await session.flush()
    await _note(session, quote, member_id, "quote.changed", {})


async def draw_quote(session: AsyncSession, quote: Quote) -> bytes:
    """The page that was sent, byte for byte, or what it would be today."""
    if quote.page is not None:
        return quote.page
    today = await read_today(session, quote.agency_id)
    return await _draw(session, quote, await load_seller(session, quote.agency_id), None, today)


async def send_quote(session: AsyncSession, quote: Quote, member_id: UUID) -> None:
    """Number it and freeze its page; `Invalid` names what a client would not have read."""
    if quote.state != "draft":
        raise Conflict(msg("The quote was sent already"), slug="quote-sent")
    offer = Offer.model_validate(quote.offer, strict=False)
    unsaid = find_unsaid(offer)
    if offer.valid_until < await read_today(session, quote.agency_id):
        unsaid.append(InputError("/valid_until", msg("must not be in the past")))
    if unsaid:
        raise Invalid(msg("The quote does not say all it has to"), errors=unsaid, slug="mentions-missing")
    seller = await load_seller(session, quote.agency_id)
    taken = await take_number(session, quote.agency_id, "quote", seller.profile.numbering.quote)
    quote.page = await _draw(session, quote, seller, taken.number, taken.day)
    quote.digest, quote.number = hashlib.sha256(quote.page).hexdigest(), taken.number
    quote.sent_at, quote.state = taken.at, "sent"
    await session.flush()
    await _note(session, quote, member_id, "quote.sent", {"number": taken.number, "digest": quote.digest})


async def accept_quote(
    session: AsyncSession, client: Client, quote: Quote, signature: Signature, member_id: UUID
) -> None:
    """It becomes a contract, under exactly the terms of the page whose digest is named."""
    await _require_open(session, quote)
    if signature.digest != quote.digest:
        hint = msg("the page that was sent has {digest}", digest=quote.digest)
        other = InputError("/digest", msg("is not the page that was sent"), hint)
        raise Invalid(msg("Something else would be accepted than was offered"), errors=[other], slug="quote-changed")
    offer = Offer.model_validate(quote.offer, strict=False)
    plan = await _find_plan(session, quote.agency_id, offer)
    contract = await sign_contract(session, client, _to_contract(offer, plan), member_id)
    quote.contract_id, quote.state = contract.id, "accepted"
    signed = {"name": signature.name, "role": signature.role, "email": signature.email, "digest": signature.digest}
    await _answer(session, quote, member_id, "quote.accepted", signed)


async def refuse_quote(session: AsyncSession, quote: Quote, reason: str | None, member_id: UUID) -> None:
    await _require_open(session, quote)
    quote.state = "refused"
    await _answer(session, quote, member_id, "quote.refused", {"reason": reason})


async def rate_offer(session: AsyncSession, agency_id: UUID, offer: Offer) -> Bill:
    """A whole first period, by the function that prices invoices; under the franchise without VAT."""
    plan = await _find_plan(session, agency_id, offer)
    row = await find_profile(session, agency_id)
    free = row is not None and row.document["vat_regime"] == FRANCHISE
    terms = TaxTerms("E", Decimal(0)) if free else offer.tax.to_terms()
    priced, usage = read_plan(plan.document), to_usage(offer)
    refuse_unpriced(priced, usage, "/estimate")
    return price_period(priced, usage, tax=terms)


def show_quote_state(state: str, valid_until: date, today: date) -> str:
    return "expired" if state == "sent" and valid_until < today else state


async def _check_days(session: AsyncSession, agency_id: UUID, offer: Offer) -> None:
    errors = []
    if offer.ends_on is not None and Period(offer.starts_on, offer.ends_on).days <= 0:
        late = msg("must be later than `starts_on`: it is the first day the contract no longer holds")
        errors.append(InputError("/ends_on", late))
    today = await read_today(session, agency_id)
    if offer.valid_until < today:
        errors.append(InputError("/valid_until", msg("is over already"), msg("today is {day}", day=today)))
    if errors:
        raise Invalid(msg("Some values can't be accepted"), errors=errors)


def _to_contract(offer: Offer, plan: RatePlanVersion) -> NewContract:
    return NewContract(
        rate_plan=plan, days=(offer.starts_on, offer.ends_on), buyer=offer.buyer,
        tax=offer.tax.to_terms(),
        tax_reason=offer.tax.reason, payment_days=offer.payment_days, anchor_day=offer.anchor_day,
        purchase_order=offer.purchase_order, report_day=offer.report_day,
    )  # fmt: skip


async def _find_plan(session: AsyncSession, agency_id: UUID, offer: Offer) -> RatePlanVersion:
    plan = await find_rate_plan(session, agency_id, offer.rate_plan.code, offer.rate_plan.version)
    if plan is None:
        hint = msg("GET /owner/v1/rate-plans lists what there is")
        unknown = InputError("/rate_plan", msg("there is no such version"), hint)
        raise Invalid(msg("Some values can't be accepted"), errors=[unknown])
    return plan


async def _draw(session: AsyncSession, quote: Quote, seller: Seller, number: str | None, day: date) -> bytes:
    offer = Offer.model_validate(quote.offer, strict=False)
    bill = await rate_offer(session, quote.agency_id, offer)
    sheet = lay_out_quote(offer, bill, seller.profile, seller.brand, number, day)
    return await asyncio.to_thread(draw_page, sheet)


async def _require_open(session: AsyncSession, quote: Quote) -> None:
    today = await read_today(session, quote.agency_id)
    state = show_quote_state(quote.state, quote.valid_until, today)
    if state != "sent":
        raise Conflict(
            msg("The quote is {state}: only one that was sent is answered", state=state), slug="quote-closed"
        )


async def _answer(session: AsyncSession, quote: Quote, member_id: UUID, action: str, answer: dict[str, Any]) -> None:
    quote.answered_at = (await session.execute(select(func.app_now()))).scalar_one()
    quote.answer = {name: value for name, value in answer.items() if value is not None}
    await session.flush()
    await _note(session, quote, member_id, action, quote.answer)


async def _note(session: AsyncSession, quote: Quote, member_id: UUID, action: str, more: dict[str, Any]) -> None:
    deed = Deed(show_id("mem", member_id), action, show_id("quo", quote.id), quote.client_id, more)
    await record_deeds(session, quote.agency_id, [deed])
