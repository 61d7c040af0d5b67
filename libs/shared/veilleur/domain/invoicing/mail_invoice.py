"""Mailing an issued invoice: ordered in the transaction that marks it as sent, leased by a worker, recorded by it.

A sender that vanishes leaves a lease that ends, and its fence keeps it from overwriting what followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import AlarmKind, Trouble, close_alarms, raise_alarm
from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.delivery.backoff import Jitter, next_attempt
from veilleur.domain.invoicing.documents.document import read_document
from veilleur.domain.invoicing.invoice_models import Invoice, InvoiceFile, InvoiceMail
from veilleur.domain.invoicing.letter import Letter
from veilleur.infra.outbound.mail import MailReply
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id, show_id

ALARM: AlarmKind = "invoice.unsent"
LEASE_S = 120
"""Longer than an exchange with a slow server takes."""

_BEGIN = text(f"""
WITH chosen AS MATERIALIZED (
  SELECT id FROM invoice_mails WHERE agency_id = :agency_id AND due_at <= app_now()
  ORDER BY due_at LIMIT :wanted FOR UPDATE SKIP LOCKED)
UPDATE invoice_mails m SET state = 'sending', attempts = attempts + 1, fence = fence + 1,
  first_attempt_at = coalesce(first_attempt_at, app_now()), due_at = app_now() + interval '{LEASE_S} seconds'
FROM chosen WHERE m.agency_id = :agency_id AND m.id = chosen.id
RETURNING m.id, m.fence, m.invoice_id, m.recipient, m.due_at
""")


@dataclass(frozen=True, slots=True)
class Mailing:
    """A leased mail with all that sending needs."""

    id: UUID
    fence: int
    letter: Letter


async def order_mail(session: AsyncSession, invoice: Invoice, recipient: str, member_id: UUID) -> None:
    """Have an issued invoice mailed. What is on its way to that address, or arrived there, is not mailed again."""
    values = {
        "agency_id": invoice.agency_id, "id": new_id(), "client_id": invoice.client_id, "invoice_id": invoice.id,
        "recipient": recipient, "due_at": func.app_now(), "attempts": 0, "fence": 0, "created_by": member_id,
    }  # fmt: skip
    await session.execute(insert(InvoiceMail).values(**values).on_conflict_do_nothing())
    await hint_work(session, invoice.agency_id, "mail")


async def list_mails(session: AsyncSession, invoice: Invoice) -> Sequence[InvoiceMail]:
    query = select(InvoiceMail).where(InvoiceMail.agency_id == invoice.agency_id, InvoiceMail.invoice_id == invoice.id)
    return (await session.scalars(query.order_by(InvoiceMail.id))).all()


async def begin_mails(session: AsyncSession, agency_id: UUID, limit: int) -> list[Mailing]:
    """Lease up to `limit` mails that are due, those of vanished senders included."""
    rows = (await session.execute(_BEGIN, {"agency_id": agency_id, "wanted": limit})).all()
    if rows:
        await hint_work(session, agency_id, "mail", due_at=max(row.due_at for row in rows))
    mailings = []
    for row in rows:
        invoice = await session.get_one(Invoice, (agency_id, row.invoice_id))
        document = read_document(invoice.document)
        page = select(InvoiceFile.content).where(
            InvoiceFile.agency_id == agency_id,
            InvoiceFile.invoice_id == invoice.id,
            InvoiceFile.name == f"pdf-{document.language}",
        )
        content = (await session.scalars(page)).one()
        mailings.append(Mailing(row.id, row.fence, Letter(show_id("iml", row.id), row.recipient, document, content)))
    return mailings


async def finish_mail(
    session: AsyncSession, agency_id: UUID, mailing: Mailing, reply: MailReply, *, jitter: Jitter
) -> str:
    """Record what came of it: `sent`, `waiting` until a later time, `failed`, or `stale`: the lease was lost.

    What failed for good is an alarm, until it arrives after all: somebody believes that the client has its invoice.
    """
    query = select(InvoiceMail).where(InvoiceMail.agency_id == agency_id, InvoiceMail.id == mailing.id)
    row = (await session.scalars(query.with_for_update())).one_or_none()
    if row is None or row.state != "sending" or row.fence != mailing.fence:
        return "stale"
    present: datetime = (await session.execute(select(func.app_now()))).scalar_one()
    number = mailing.letter.document.number or ""
    row.last_status, row.last_error = reply.status, reply.error
    since = present - (row.first_attempt_at or present)
    delay = None if reply.permanent else next_attempt(row.attempts, since, jitter=jitter)
    if reply.status is not None and 200 <= reply.status < 300:
        row.state, row.sent_at, row.due_at = "sent", present, None
        deed = Deed("system", "invoice.mailed", show_id("inv", row.invoice_id), row.client_id)
        await record_deeds(session, agency_id, [deed])
        await close_alarms(session, agency_id, ALARM, [number], row.client_id)
    elif delay is not None:
        row.state, row.due_at = "waiting", present + delay
        await hint_work(session, agency_id, "mail", due_at=row.due_at)
    else:
        row.state, row.due_at = "failed", None
        figures = {"invoice": show_id("inv", row.invoice_id), "attempts": row.attempts, "status": row.last_status}
        await raise_alarm(session, agency_id, Trouble(ALARM, number, row.client_id, figures))
    await session.flush()
    return row.state
