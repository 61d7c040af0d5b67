"""Finalising: the draft is checked, numbered, and kept for ever in every form it is sent in.

All of it is one transaction: without a valid e-invoice, or with a mention missing, there is no number.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import Contract
from veilleur.domain.invoicing.change_draft import require_draft
from veilleur.domain.invoicing.documents.document import (
    CREDIT_NOTE,
    InvoiceDocument,
    dump_document,
    read_document,
)
from veilleur.domain.invoicing.documents.draw import draw_page
from veilleur.domain.invoicing.documents.einvoice import require_faultless, write_einvoices
from veilleur.domain.invoicing.documents.invariants import check_document
from veilleur.domain.invoicing.documents.invoice_sheet import lay_out_invoice
from veilleur.domain.invoicing.documents.mentions import find_missing
from veilleur.domain.invoicing.documents.sheet import Brand
from veilleur.domain.invoicing.draft_invoice import refresh_draft
from veilleur.domain.invoicing.invoice_models import Invoice, InvoiceFile
from veilleur.domain.invoicing.keep_profile import Seller, load_seller
from veilleur.domain.invoicing.manual import read_manual
from veilleur.domain.invoicing.profile import bank_of, notes_of, wants_einvoice
from veilleur.domain.invoicing.take_number import take_number
from veilleur.domain.invoicing.write_credit_note import require_room
from veilleur.kernel.errors import Conflict, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Language, msg

XML_FILE = "factur-x"
LANGUAGES: tuple[Language, ...] = ("fr", "en")


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content: bytes


async def finalise_invoice(session: AsyncSession, invoice: Invoice, member_id: UUID) -> Invoice:
    """The invoice with its number. It is locked by the caller.

    `Conflict` with lines nobody approved; `Invalid` names the mentions that are missing, or the rules that are broken.
    """
    seller = await load_seller(session, invoice.agency_id)
    await prepare_issue(session, invoice, seller)
    await issue_numbered(session, [invoice], seller, member_id)
    return invoice


async def prepare_issue(session: AsyncSession, invoice: Invoice, seller: Seller) -> InvoiceDocument:
    """The document as it would be issued today, with everything that could be refused looked at."""
    require_draft(invoice)
    waiting = [line.id for line in read_manual(invoice.manual) if line.approved_by is None]
    if waiting:
        raise Conflict(msg("Nobody approved these lines yet: {ids}", ids=waiting), slug="unapproved-lines")
    document = await _renew(session, invoice, seller)
    missing = find_missing(document)
    if missing:
        raise Invalid(msg("The invoice lacks what the law wants on it"), errors=missing, slug="mentions-missing")
    return document


async def issue_numbered(session: AsyncSession, invoices: Sequence[Invoice], seller: Seller, member_id: UUID) -> None:
    """Number prepared drafts in their order, and keep their files; one check of the e-invoices for all of them."""
    documents = [await _number(session, invoice, seller, member_id) for invoice in invoices]
    xml: list[bytes | None] = [None] * len(documents)
    if wants_einvoice(seller.profile):
        xml = [*require_faultless(await write_einvoices(documents))]
    for invoice, document, written in zip(invoices, documents, xml, strict=True):
        for file in await asyncio.to_thread(make_files, document, seller.brand, written):
            digest = hashlib.sha256(file.content).hexdigest()
            session.add(
                InvoiceFile(
                    agency_id=invoice.agency_id, client_id=invoice.client_id, invoice_id=invoice.id, name=file.name,
                    content=file.content, digest=digest,
                )
            )  # fmt: skip
        details = {"number": invoice.number or "", "digest": invoice.digest or ""}
        deed = Deed(
            show_id("mem", member_id), "invoice.finalised", show_id("inv", invoice.id), invoice.client_id, details
        )
        await record_deeds(session, invoice.agency_id, [deed])
    await session.flush()


def make_files(document: InvoiceDocument, brand: Brand, xml: bytes | None) -> list[File]:
    """A page in either language, the one of the document with its data inside; and the data by itself."""
    pages = [
        File(
            f"pdf-{language}",
            draw_page(lay_out_invoice(document, brand, language), xml if language == document.language else None),
        )
        for language in LANGUAGES
    ]
    return pages if xml is None else [*pages, File(XML_FILE, xml)]


def digest_document(document: InvoiceDocument) -> str:
    """SHA-256 of its canonical JSON (sorted names, no spaces)."""
    written = json.dumps(dump_document(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


async def _renew(session: AsyncSession, invoice: Invoice, seller: Seller) -> InvoiceDocument:
    if invoice.kind != CREDIT_NOTE:
        return await refresh_draft(session, invoice)
    document = replace(
        read_document(invoice.document), seller=seller.profile.seller, notes=notes_of(seller.profile),
        bank=bank_of(seller.profile),
    )  # fmt: skip
    await require_room(session, await _lock_credited(session, invoice), document, invoice.id)
    invoice.document = dump_document(document)
    return document


async def _lock_credited(session: AsyncSession, note: Invoice) -> Invoice:
    query = select(Invoice).where(Invoice.agency_id == note.agency_id, Invoice.id == note.credits_id)
    return (await session.scalars(query.with_for_update())).one()


async def _number(session: AsyncSession, invoice: Invoice, seller: Seller, member_id: UUID) -> InvoiceDocument:
    draft, profile = read_document(invoice.document), seller.profile
    credit = invoice.kind == CREDIT_NOTE
    kind, shape = ("credit_note", profile.numbering.credit_note) if credit else ("invoice", profile.numbering.invoice)
    taken = await take_number(session, invoice.agency_id, kind, shape)  # type: ignore[arg-type]  # one of two literals
    contract = await session.get_one(Contract, (invoice.agency_id, invoice.contract_id))
    due_on = taken.day if credit else taken.day + timedelta(days=contract.payment_days)
    document = replace(draft, number=taken.number, issued_on=taken.day, due_on=due_on)
    check_document(document)
    invoice.document, invoice.digest = dump_document(document), digest_document(document)
    invoice.number, invoice.issued_on, invoice.due_on = taken.number, taken.day, due_on
    invoice.total, invoice.state = document.totals.total, "finalised"
    invoice.finalised_at, invoice.finalised_by = taken.at, member_id
    await session.flush()
    return document
