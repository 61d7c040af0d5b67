"""What goes to a mailbox with an invoice or credit note: a few words, and its page; pure."""

from dataclasses import dataclass

from veilleur.domain.invoicing.documents.document import CREDIT_NOTE, InvoiceDocument
from veilleur.domain.invoicing.documents.sheet import say_amount, say_day
from veilleur.infra.outbound.mail import Attachment, Mail
from veilleur.kernel.messages import Message, msg


@dataclass(frozen=True, slots=True)
class Letter:
    """`name` is the same at every attempt: a mail that arrives twice can be told. `page` is a PDF."""

    name: str
    recipient: str
    document: InvoiceDocument
    page: bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is mailed, if anybody, and what to say of it."""

    recipient: str | None
    text: Message


def choose_mail(to: str | None, *, has_server: bool) -> Choice:
    handed = msg("It is marked as sent, and the client's key can read it: hand its documents over yourself")
    if not has_server:
        why = msg("No mail server is set (VEILLEUR_SMTP_URL): nobody was mailed. {handed}", handed=handed)
        return Choice(None, why)
    if to is None:
        why = msg("The buyer has no e-mail address and `to` names none: nobody was mailed. {handed}", handed=handed)
        return Choice(None, why)
    return Choice(to, msg("It is mailed to {to}, once; `mails` says how far that has come", to=to))


def write_letter(letter: Letter, sender: str) -> Mail:
    """In the document's language; answers go to the seller, not to the server's own address."""
    document = letter.document
    lines = [msg("Hello,"), _say(document)]
    body = "\n\n".join(line.render(document.language) for line in lines)
    seller = document.seller
    file_name = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in document.number or "")
    return Mail(
        sender,
        letter.recipient,
        _entitle(document).render(document.language),
        f"{body}\n\n{seller.name}\n",
        f"<{letter.name}@{sender.rpartition('@')[2]}>",
        reply_to=seller.email,
        attachments=(Attachment(f"{file_name}.pdf", "application/pdf", letter.page),),
    )


def _entitle(document: InvoiceDocument) -> Message:
    number, seller = document.number, document.seller.name
    if document.kind == CREDIT_NOTE:
        return msg("Credit note {number} from {seller}", number=number, seller=seller)
    return msg("Invoice {number} from {seller}", number=number, seller=seller)


def _say(document: InvoiceDocument) -> Message:
    number, language = document.number, document.language
    day, due = say_day(document.issued_on, language), say_day(document.due_on, language)
    amount = say_amount(document.totals.due, document.currency, language)
    if document.kind == CREDIT_NOTE:
        return msg(
            "Please find attached our credit note {number} of {day}: {amount}.", number=number, day=day, amount=amount
        )
    return msg(
        "Please find attached our invoice {number} of {day}: {amount}, payable until {due}.",
        number=number, day=day, amount=amount, due=due,
    )  # fmt: skip
