"""Invoices: drafted from a period, put right by two people, numbered once and for ever, sent, paid, credited."""

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.billing.queries import load_contracts
from veilleur.domain.invoicing.agreement import Agreement
from veilleur.domain.invoicing.change_draft import (
    add_line,
    approve_line,
    discard_draft,
    find_invoice,
    lock_invoice,
    remove_line,
    set_exchange,
)
from veilleur.domain.invoicing.close import is_over
from veilleur.domain.invoicing.documents.document import Span, read_document
from veilleur.domain.invoicing.documents.shape import show_document
from veilleur.domain.invoicing.draft import ManualLine
from veilleur.domain.invoicing.draft_invoice import Wish, draft_by_hand, draft_period
from veilleur.domain.invoicing.finalise import finalise_invoice
from veilleur.domain.invoicing.invoice_models import Invoice, InvoiceMail, Payment
from veilleur.domain.invoicing.letter import choose_mail
from veilleur.domain.invoicing.mail_invoice import list_mails, order_mail
from veilleur.domain.invoicing.reconcile import compare_apart, find_stretch
from veilleur.domain.invoicing.settle import Paid, mark_sent, record_payment
from veilleur.domain.invoicing.write_credit_note import Dispute, draft_credit, try_credit
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur.kernel.money import show_amount, show_quantity
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor, read_uuid
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.invoice_answers import answer_file, describe_invoices, list_files
from veilleur_api.owner.common import find_client
from veilleur_api.owner.invoice_documents import (
    CreditNoteIn,
    CreditNoteOut,
    ExchangeIn,
    InvoiceDetailOut,
    InvoiceIn,
    InvoicesOut,
    ManualLineIn,
    PaymentIn,
    PaymentOut,
    PaymentsOut,
    SendIn,
    SentInvoiceOut,
)
from veilleur_api.owner.statements import find_named_period
from veilleur_api.parts import Parts
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "invoices")

Form = Annotated[Literal["pdf", "factur-x", "csv", "json"], Query(alias="format")]
FORMS = ("application/pdf", "application/xml", "text/csv", "application/json")
ONE = "/clients/{client_id}/invoices/{invoice_id}"
DETAIL: dict[int | str, dict[str, Any]] = {200: {"model": InvoiceDetailOut}}


@router.post(
    "/clients/{client_id}/invoices",
    status_code=201,
    responses={201: {"model": InvoiceDetailOut}},
    **needs("invoices:write"),
)
async def create_invoice(
    client_id: str, new: InvoiceIn, caller: Member, session: Tx, parts: PartsOf, request: Request
) -> Response:
    """Draft the invoice of a period, which is closed with it; or an empty one, for lines added by hand."""
    agreements = await _compare(parts, caller, client_id, new.period) if new.period is not None else {}
    client = await find_client(session, caller.agency_id, client_id)
    wish = Wish(caller.member_id, new.language, agreements=agreements)
    if new.period is not None:
        period = await find_named_period(session, caller.agency_id, client.id, new.period)
        invoice = await draft_period(session, period, wish)
    else:
        contracts = await load_contracts(session, caller.agency_id, client.id)
        if not contracts:
            raise Conflict(msg("The client has no contract: nobody is named to be billed"), slug="no-contract")
        invoice = await draft_by_hand(session, contracts[-1], wish)
    return JsonAnswer(await _describe(session, invoice, request), 201)


@router.get("/clients/{client_id}/invoices", responses={200: {"model": InvoicesOut}}, **needs("pricing:read"))
async def list_invoices(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The client's invoices and credit notes, in the order they were drafted."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Invoice).where(Invoice.agency_id == caller.agency_id, Invoice.client_id == client.id)
    page = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    if page.after is not None:
        query = query.where(Invoice.id > read_uuid(page.after[0]))
    rows = list(await session.scalars(query.order_by(Invoice.id).limit(limit + 1)))
    cut = cut_page(rows, page, lambda row: [str(row.id)])
    return JsonAnswer({"data": await describe_invoices(session, caller.agency_id, cut.data), "next": cut.next})


@router.get(ONE, responses=DETAIL, **needs("pricing:read"))
async def get_invoice(client_id: str, invoice_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """One invoice with its document."""
    return JsonAnswer(await _describe(session, await _find(session, caller, client_id, invoice_id), request))


@router.get(
    f"{ONE}/document",
    responses={
        200: {"content": {"application/pdf": {}, "application/xml": {}, "text/csv": {}, "application/json": {}}}
    },
    **needs("pricing:read"),
)
async def get_invoice_document(  # noqa: PLR0917 - query parameters
    client_id: str,
    invoice_id: str,
    caller: Member,
    session: Tx,
    request: Request,
    form: Form = "pdf",
    language: Literal["fr", "en"] | None = None,
) -> Response:
    """The page, the e-invoice, or the data; of an issued invoice the very bytes that were kept."""
    invoice = await _find(session, caller, client_id, invoice_id)
    default = choose_language(request.headers.get("accept-language"))
    return await answer_file(session, invoice, form, language or read_document(invoice.document).language or default)


@router.delete(ONE, status_code=204, **needs("invoices:write"))
async def discard_invoice(client_id: str, invoice_id: str, caller: Member, session: Tx) -> Response:
    """Throw a draft away: it has no number yet, so none is missing."""
    await discard_draft(session, await _lock(session, caller, client_id, invoice_id), caller.member_id)
    return Response(status_code=204)


@router.post(f"{ONE}/lines", status_code=201, responses={201: {"model": InvoiceDetailOut}}, **needs("invoices:write"))
async def add_invoice_line(
    client_id: str, invoice_id: str, new: ManualLineIn, caller: Member, session: Tx, request: Request
) -> Response:
    """Add a line to a draft; it counts once somebody else approves it."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    span = Span(new.from_, new.to) if new.from_ and new.to else None
    line = ManualLine(
        id=f"manual:{new_id()}", description=new.description.to_texts(), quantity=new.quantity,
        unit_price=new.unit_price, vat=new.vat, unit_code=new.unit, period=span, added_by=caller.member_id,
    )  # fmt: skip
    await add_line(session, invoice, line)
    return JsonAnswer(await _describe(session, invoice, request), 201)


@router.post(f"{ONE}/lines/{{line_id}}/approve", responses=DETAIL, **needs("invoices:write"))
async def approve_invoice_line(
    client_id: str, invoice_id: str, line_id: str, caller: Member, session: Tx, request: Request
) -> Response:
    """Approve a line that somebody else added."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    await approve_line(session, invoice, line_id, caller.member_id)
    return JsonAnswer(await _describe(session, invoice, request))


@router.delete(f"{ONE}/lines/{{line_id}}", responses=DETAIL, **needs("invoices:write"))
async def remove_invoice_line(
    client_id: str, invoice_id: str, line_id: str, caller: Member, session: Tx, request: Request
) -> Response:
    """Take a line that was added by hand off the draft."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    await remove_line(session, invoice, line_id, caller.member_id)
    return JsonAnswer(await _describe(session, invoice, request))


@router.put(f"{ONE}/exchange", responses=DETAIL, **needs("invoices:write"))
async def set_invoice_exchange(
    client_id: str, invoice_id: str, told: ExchangeIn, caller: Member, session: Tx, request: Request
) -> Response:
    """Say the rate by which VAT is told in the seller's own currency."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    await set_exchange(session, invoice, told.rate, told.on, told.source)
    return JsonAnswer(await _describe(session, invoice, request))


@router.post(f"{ONE}/finalize", responses=DETAIL, **needs("invoices:write"))
async def finalize_invoice(client_id: str, invoice_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """Give it its number and keep it for ever. Refused with the list of what the law misses on it."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    await finalise_invoice(session, invoice, caller.member_id)
    return JsonAnswer(await _describe(session, invoice, request))


@router.post(f"{ONE}/send", responses={200: {"model": SentInvoiceOut}}, **needs("invoices:write"))
async def send_invoice(  # noqa: PLR0917 - dependencies
    client_id: str,
    invoice_id: str,
    caller: Member,
    session: Tx,
    parts: PartsOf,
    request: Request,
    wanted: SendIn | None = None,
) -> Response:
    """Mail its page, where a mail server is set: once to each address. From now on the client's own key sees it too."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    named = wanted.to if wanted else None
    known = named or read_document(invoice.document).buyer.email
    told = choose_mail(known, has_server=parts.settings.smtp_url is not None)
    await mark_sent(session, invoice, caller.member_id, named or told.recipient)
    if told.recipient is not None:
        await order_mail(session, invoice, told.recipient, caller.member_id)
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer(await _describe(session, invoice, request) | {"mail": told.text.render(language)})


@router.post(f"{ONE}/payments", status_code=201, responses={201: {"model": PaymentOut}}, **needs("invoices:write"))
async def create_payment(client_id: str, invoice_id: str, paid: PaymentIn, caller: Member, session: Tx) -> Response:
    """Note money that came in, or went back."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    noted = Paid(paid.amount, paid.paid_on, paid.method, paid.reference)
    return JsonAnswer(describe_payment(await record_payment(session, invoice, noted, caller.member_id)), 201)


@router.get(f"{ONE}/payments", responses={200: {"model": PaymentsOut}}, **needs("pricing:read"))
async def list_payments(client_id: str, invoice_id: str, caller: Member, session: Tx) -> Response:
    """What was paid of an invoice."""
    invoice = await _find(session, caller, client_id, invoice_id)
    query = select(Payment).where(Payment.agency_id == caller.agency_id, Payment.invoice_id == invoice.id)
    return JsonAnswer({"data": [describe_payment(row) for row in await session.scalars(query.order_by(Payment.id))]})


@router.post(
    f"{ONE}/credit-notes",
    status_code=201,
    responses={200: {"model": CreditNoteOut}, 201: {"model": CreditNoteOut}},
    **needs("invoices:write"),
)
async def create_credit_note(
    client_id: str, invoice_id: str, wanted: CreditNoteIn, caller: Member, session: Tx, request: Request
) -> Response:
    """End a dispute: only tried by default; with `dry_run: false` the credit note is drafted."""
    invoice = await _lock(session, caller, client_id, invoice_id)
    dispute = _read_dispute(wanted)
    language = choose_language(request.headers.get("accept-language"))
    if wanted.dry_run:
        tried = await try_credit(session, invoice, dispute)
        return JsonAnswer({"dry_run": True, "document": show_document(tried, language), "credit_note": None})
    drafted = await draft_credit(session, invoice, dispute, caller.member_id)
    shown = show_document(read_document(drafted.document), language)
    return JsonAnswer({"dry_run": False, "document": shown, "credit_note": show_id("inv", drafted.id)}, 201)


def describe_payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": show_id("pay", payment.id),
        "amount": show_amount(payment.amount),
        "paid_on": payment.paid_on,
        "method": payment.method,
        "reference": payment.remittance,
        "recorded_by": show_id("mem", payment.created_by),
        "recorded_at": payment.created_at,
    }


async def _compare(parts: Parts, caller: Member, client: str, name: str) -> dict[UUID, Agreement]:
    """Facts and records of a period that can be closed, slice by slice, before the request's transaction begins."""
    async with parts.database.transaction(caller.scope) as session:
        client_id = (await find_client(session, caller.agency_id, client)).id
        period = await find_named_period(session, caller.agency_id, client_id, name)
        if period.state != "open" or not await is_over(session, period):
            return {}
        stretch = await find_stretch(session, period)
    return {period.id: await compare_apart(parts.database, stretch)}


async def _find(session: AsyncSession, caller: Member, client: str, shown: str) -> Invoice:
    client_id = (await find_client(session, caller.agency_id, client)).id
    return await find_invoice(session, caller.agency_id, client_id, read_id("inv", shown))


async def _lock(session: AsyncSession, caller: Member, client: str, shown: str) -> Invoice:
    client_id = (await find_client(session, caller.agency_id, client)).id
    return await lock_invoice(session, caller.agency_id, client_id, read_id("inv", shown))


async def _describe(session: AsyncSession, invoice: Invoice, request: Request) -> dict[str, Any]:
    language = choose_language(request.headers.get("accept-language"))
    [shown] = await describe_invoices(session, invoice.agency_id, [invoice])
    document = show_document(read_document(invoice.document), language)
    manual = [_show_manual(line) for line in invoice.manual]
    mails = [_show_mail(mail) for mail in await list_mails(session, invoice)]
    files = await list_files(session, invoice)
    return shown | {"document": document, "manual_lines": manual, "files": files, "mails": mails}


def _show_mail(mail: InvoiceMail) -> dict[str, Any]:
    return {
        "to": mail.recipient,
        "state": mail.state,
        "attempts": mail.attempts,
        "last_status": mail.last_status,
        "last_error": mail.last_error,
        "next_at": mail.due_at if mail.state == "waiting" else None,
        "sent_at": mail.sent_at,
        "requested_at": mail.created_at,
    }


def _show_manual(line: dict[str, Any]) -> dict[str, Any]:
    approved = line["approved_by"]
    return {
        "id": line["id"],
        "description": line["description"],
        "quantity": show_quantity(Decimal(line["quantity"])),
        "unit_price": show_amount(Decimal(line["unit_price"])),
        "vat": line["vat"],
        "added_by": show_id("mem", UUID(line["added_by"])),
        "approved_by": show_id("mem", UUID(approved)) if approved else None,
    }


def _read_dispute(wanted: CreditNoteIn) -> Dispute:
    lines = {line.id: line.quantity for line in wanted.lines} if wanted.lines is not None else None
    records = tuple(dict.fromkeys(read_id("usg", one) for one in wanted.records or ()))
    return Dispute(wanted.reason, lines, records)
