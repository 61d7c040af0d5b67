"""The document of an offboarding, with how its last bill stands now, and the receipt of its erasure."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.custody.models import Erasure, Offboarding
from veilleur.domain.custody.offboard import describe_offboarding
from veilleur.domain.custody.request_erasure import describe_erasure
from veilleur.domain.custody.settle_bill import find_last_period
from veilleur.domain.invoicing.bill_last import find_invoice_of, list_unbilled
from veilleur.domain.invoicing.invoice_models import Invoice
from veilleur.domain.invoicing.month import show_finding
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Language, Message, msg
from veilleur.kernel.money import show_amount


async def load_receipt(session: AsyncSession, row: Offboarding, language: Language) -> dict[str, Any]:
    """The offboarding with its last bill and the receipt of its erasure, once there are any."""
    erasure = None if row.erasure_id is None else await session.get(Erasure, (row.agency_id, row.erasure_id))
    return describe_offboarding(row) | {
        "final_invoice": await load_bill(session, row, language),
        "erasure": None if erasure is None else describe_erasure(erasure),
    }


async def load_bill(session: AsyncSession, row: Offboarding, language: Language) -> dict[str, Any] | None:
    """The invoice, or why there is none and how to make one; None as long as the service goes on."""
    if row.bill is None:
        return None
    period = await find_last_period(session, row)
    invoice = await find_invoice_of(session, period) if period is not None else None
    issued = invoice is not None and invoice.state != "draft"
    how = _tell_how(row, period, invoice)
    return {
        "period": _show_days(period) if period is not None else None,
        "invoice": _show_invoice(invoice) if invoice is not None else None,
        "blockers": [] if issued else [show_finding(one, language) for one in row.bill["findings"]],
        "next_step": how.render(language) if how is not None else None,
        "unbilled": await _list_unbilled(session, period) if period is not None else [],
    }


def _tell_how(row: Offboarding, period: BillingPeriod | None, invoice: Invoice | None) -> Message | None:
    path = f"/owner/v1/clients/{show_id('cli', row.client_id)}"
    if invoice is not None:
        shown = f"{path}/invoices/{show_id('inv', invoice.id)}"
        if invoice.state == "draft":
            return msg("It is a draft: look at it, then POST {path}/finalize and {path}/send", path=shown)
        return msg("Send it: POST {path}/send", path=shown) if invoice.sent_at is None else None
    if period is not None:
        body = f'{{"period": "{period.starts_on}"}}'
        return msg("Draft it when nothing stands in its way: POST {path}/invoices {body}", path=path, body=body)
    return msg("To bill it all the same: POST {path}/contracts for its days, then POST {path}/invoices", path=path)


async def _list_unbilled(session: AsyncSession, period: BillingPeriod) -> list[dict[str, str]]:
    contract = await session.get_one(Contract, (period.agency_id, period.contract_id))
    unbilled = await list_unbilled(session, contract, period)
    return [{"from": one.first.isoformat(), "to": one.past.isoformat()} for one in unbilled]


def _show_days(period: BillingPeriod) -> dict[str, str]:
    days = {"from": period.starts_on.isoformat(), "to": period.ends_on.isoformat()}
    return {"id": show_id("prd", period.id)} | days


def _show_invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": show_id("inv", invoice.id),
        "state": invoice.state,
        "number": invoice.number,
        "total": show_amount(invoice.total),
        "currency": invoice.currency,
    }
