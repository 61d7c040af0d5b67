"""Invoices on their way: sent, paid, paid back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.invoicing.balance import Balance
from veilleur.domain.invoicing.balances import load_balances
from veilleur.domain.invoicing.invoice_models import ISSUED, Invoice, Payment
from veilleur.domain.invoicing.today import read_today
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.money import NOTHING, show_amount


@dataclass(frozen=True, slots=True)
class Paid:
    """Negative where money goes back."""

    amount: Decimal
    paid_on: date
    method: str
    remittance: str | None = None


async def mark_sent(session: AsyncSession, invoice: Invoice, member_id: UUID, to: str | None = None) -> None:
    """Whoever sends it again sends the same bytes."""
    _require_issued(invoice)
    if invoice.sent_at is None:
        invoice.sent_at = (await session.execute(select(func.app_now()))).scalar_one()
    if invoice.state == "finalised":
        invoice.state = "sent"
    await session.flush()
    await _note(session, invoice, member_id, "invoice.sent", {"to": to} if to else {})


async def record_payment(session: AsyncSession, invoice: Invoice, paid: Paid, member_id: UUID) -> Payment:
    """Never more than is owed, never more back than was paid; paid in full is paid."""
    _require_issued(invoice)
    if invoice.kind != "380":
        raise Conflict(msg("A credit note is settled on the invoice it credits"), slug="credit-payment")
    balance = (await load_balances(session, invoice.agency_id, [invoice]))[invoice.id]
    mistakes = list(_find_mistakes(paid, balance, await read_today(session, invoice.agency_id)))
    if mistakes:
        raise Invalid(msg("Some values can't be accepted"), errors=mistakes)
    payment = Payment(
        agency_id=invoice.agency_id, id=new_id(), client_id=invoice.client_id, invoice_id=invoice.id,
        amount=paid.amount, paid_on=paid.paid_on, method=paid.method, remittance=paid.remittance,
        created_by=member_id,
    )  # fmt: skip
    session.add(payment)
    invoice.state = _find_state(invoice, balance.open - paid.amount)
    await session.flush()
    await session.refresh(payment)
    details = {"payment": show_id("pay", payment.id), "amount": show_amount(paid.amount)}
    await _note(session, invoice, member_id, "invoice.paid", details)
    return payment


def _find_state(invoice: Invoice, owed: Decimal) -> str:
    if owed == NOTHING:
        return "paid"
    return "sent" if invoice.sent_at is not None else "finalised"


def _find_mistakes(paid: Paid, balance: Balance, today: date) -> Iterator[InputError]:
    hint = msg("{open} is still owed, {paid} was paid", open=show_amount(balance.open), paid=show_amount(balance.paid))
    if not paid.amount:
        yield InputError("/amount", msg("must not be 0"), hint)
    elif not -balance.paid <= paid.amount <= balance.open:
        yield InputError("/amount", msg("is more than can be paid or paid back"), hint)
    if paid.paid_on > today:
        yield InputError("/paid_on", msg("is still to come"), msg("today is {day}", day=today))


def _require_issued(invoice: Invoice) -> None:
    if invoice.state not in ISSUED:
        raise Conflict(msg("The invoice is a draft: finalise it first"), slug="invoice-draft")


async def _note(session: AsyncSession, invoice: Invoice, member_id: UUID, action: str, more: dict[str, str]) -> None:
    deed = Deed(show_id("mem", member_id), action, show_id("inv", invoice.id), invoice.client_id, more)
    await record_deeds(session, invoice.agency_id, [deed])
