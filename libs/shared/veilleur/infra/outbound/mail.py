"""One e-mail through the operator's own SMTP server.

The server is named by the settings, not by a tenant, so no egress guard stands before it. `smtp://` is encrypted when
the server offers it, and must be before a password is said; `smtps://` is from the first byte.
"""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Attachment:
    """`media_type` is one of bytes: `application/pdf`."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    sender: str
    recipient: str
    subject: str
    text: str
    message_id: str
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class MailReply:
    """`status` is SMTP's own: 2xx taken, 4xx try again, 5xx never; None when there was no answer."""

    status: int | None
    error: str | None = None

    @property
    def permanent(self) -> bool:
        return self.status is not None and self.status >= 500


async def send_mail(url: str, mail: Mail, timeout_s: float) -> MailReply:
    """Hand one mail to the server; whatever happens becomes a reply."""
    return await asyncio.to_thread(_send, urlsplit(url), mail, timeout_s)


def _send(server: SplitResult, mail: Mail, timeout_s: float) -> MailReply:
    try:
        with _connect(server, timeout_s) as smtp:
            smtp.send_message(_compose(mail), to_addrs=[mail.recipient])
    except smtplib.SMTPRecipientsRefused as refused:
        return MailReply(next(iter(refused.recipients.values()))[0], "refused")
    except smtplib.SMTPResponseException as error:
        # An answer that is none to what was said (250 to DATA) is no delivery.
        return MailReply(error.smtp_code, "refused") if error.smtp_code >= 400 else MailReply(None, "protocol")
    except TimeoutError:
        return MailReply(None, "timeout")
    except (smtplib.SMTPException, OSError):
        return MailReply(None, "connect")
    return MailReply(250)


def _connect(server: SplitResult, timeout_s: float) -> smtplib.SMTP:
    host, context = server.hostname or "localhost", ssl.create_default_context()
    if server.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, server.port or 465, timeout=timeout_s, context=context)
    else:
        smtp = smtplib.SMTP(host, server.port or 25, timeout=timeout_s)
        smtp.ehlo()
        if server.username or smtp.has_extn("starttls"):
            smtp.starttls(context=context)
    if server.username:
        smtp.login(unquote(server.username), unquote(server.password or ""))
    return smtp


def _compose(mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, mail.recipient, mail.subject
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    if mail.reply_to is not None:
        message["Reply-To"] = mail.reply_to
    message.set_content(mail.text)
    for file in mail.attachments:
        kind, _, detail = file.media_type.partition("/")
        message.add_attachment(file.content, maintype=kind, subtype=detail, filename=file.name)
    return message
