"""Mailing invoices: leased in one short transaction, recorded in another, none open while the server is spoken to."""

import random
from uuid import UUID

import structlog

from veilleur.domain.invoicing.letter import write_letter
from veilleur.domain.invoicing.mail_invoice import Mailing, begin_mails, finish_mail
from veilleur.infra.db.session import Scope
from veilleur.infra.outbound.mail import MailReply, send_mail
from veilleur_worker.parts import Parts

BATCH = 1
"""One by one: a lease covers one exchange, and a month end's mails are no storm for the operator's server."""
STEP_S = 8.0
"""For each step of an SMTP exchange; all of them take less than the lease."""

_log = structlog.get_logger(__name__)


async def drain_mails(parts: Parts, agency_id: UUID) -> None:
    """Send what is due."""
    while not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            mailings = await begin_mails(session, agency_id, BATCH)
        if not mailings:
            return
        for mailing in mailings:
            reply = await _send(parts, mailing)
            async with parts.database.transaction(Scope(agency_id)) as session:
                state = await finish_mail(session, agency_id, mailing, reply, jitter=random.random())  # noqa: S311
            if state == "failed":
                _log.warning("invoice_mail_failed", mail_id=str(mailing.id), status=reply.status, error=reply.error)


async def _send(parts: Parts, mailing: Mailing) -> MailReply:
    """Whatever happens becomes a reply."""
    settings = parts.settings
    if settings.smtp_url is None:
        return MailReply(None, "no_smtp")
    try:
        mail = write_letter(mailing.letter, settings.smtp_from)
        return await send_mail(settings.smtp_url.get_secret_value(), mail, STEP_S)
    except Exception as error:  # noqa: BLE001 - an address no header can hold, say: tried again, then given up
        _log.error("invoice_mail_broke", mail_id=str(mailing.id), error=type(error).__name__)
        return MailReply(None, "unwritable")
