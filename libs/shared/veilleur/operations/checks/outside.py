"""What the installation looks like from outside, and where it may go itself."""

import asyncio
import smtplib
import ssl
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import httpx

from veilleur.infra.db.session import Database
from veilleur.infra.settings import Settings
from veilleur.kernel.messages import msg
from veilleur.operations.finding import Finding, Level

TIMEOUT_S = 5.0
WIDE_V4, WIDE_V6 = 8, 32
"""A network opened to callbacks that is wider than this opens more than receivers of one's own."""


async def check_address(settings: Settings, _database: Database) -> list[Finding]:
    url = urlsplit(settings.base_url)
    if settings.environment == "dev":
        return [Finding(Level.NOTE, "address", msg("This is a development installation"))]
    findings = []
    if url.scheme != "https":
        told = msg("VEILLEUR_BASE_URL is {url}: content and tokens would travel in clear", url=settings.base_url)
        mend = msg("Put a proxy with TLS before the public port, and name its https:// address")
        findings.append(Finding(Level.FAULT, "address", told, mend))
    if is_loopback(url.hostname or ""):
        told = msg("VEILLEUR_BASE_URL leads to this machine only: no client reaches it")
        findings.append(Finding(Level.FAULT, "address", told, msg("Name the address that clients use")))
    return findings or [await _try_address(settings.issuer)]


async def check_egress(settings: Settings, _database: Database) -> list[Finding]:
    if settings.environment == "dev" or not settings.egress_allow:
        return [Finding(Level.WELL, "egress", msg("Callbacks go to public addresses only, or where you allow"))]
    wide = [str(one) for one in settings.egress_allow if one.prefixlen < (WIDE_V4 if one.version == 4 else WIDE_V6)]
    inner = [str(one) for one in settings.egress_allow if one.is_loopback or one.is_link_local]
    findings = []
    if wide or inner:
        told = msg("Clients may aim callbacks at {networks}", networks=sorted({*wide, *inner}))
        mend = msg(
            "Narrow VEILLEUR_EGRESS_ALLOW to the receivers of your own: metadata services live on such addresses"
        )
        findings.append(Finding(Level.FAULT, "egress", told, mend))
    told = msg("Callbacks may also go to {networks}", networks=[str(one) for one in settings.egress_allow])
    return findings or [Finding(Level.NOTE, "egress", told)]


async def check_mail(settings: Settings, _database: Database) -> list[Finding]:
    if settings.smtp_url is None:
        told = msg("No mail server is set: alarms go to webhooks and Slack only, and invoices are mailed to nobody")
        return [Finding(Level.NOTE, "mail", told, msg("Set VEILLEUR_SMTP_URL and VEILLEUR_SMTP_FROM to send e-mail"))]
    why = await asyncio.to_thread(_try_mail, settings.smtp_url.get_secret_value())
    if why is not None:
        told = msg("The mail server does not take us: {why}", why=why)
        mend = msg("Check host, port, user and password in VEILLEUR_SMTP_URL; smtps:// for TLS from the first byte")
        return [Finding(Level.WARNING, "mail", told, mend)]
    return [Finding(Level.WELL, "mail", msg("The mail server takes us"))]


async def check_operator(settings: Settings, _database: Database) -> list[Finding]:
    if settings.operator_key is None:
        told = msg("There is no operator key: nobody can create agencies")
        return [Finding(Level.NOTE, "operator", told, msg("Set VEILLEUR_OPERATOR_KEY: openssl rand -hex 24"))]
    if settings.environment == "production" and settings.admin_host in ("0.0.0.0", "::"):  # noqa: S104 - compared
        told = msg("The admin port listens on every address")
        return [
            Finding(Level.NOTE, "operator", told, msg("Keep it from the internet: it shows figures and makes agencies"))
        ]
    return [Finding(Level.WELL, "operator", msg("The operator's door has a key"))]


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _try_address(base_url: str) -> Finding:
    """From here; a proxy that does not let its own machines in makes this a warning at most."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            status = (await client.get(f"{base_url}/livez")).status_code
    except (httpx.HTTPError, ssl.SSLError, OSError, ValueError) as error:
        told = msg("{url} does not answer from here ({kind})", url=base_url, kind=type(error).__name__)
        return Finding(Level.WARNING, "address", told, msg("Check the name, the proxy and its certificate"))
    if status != httpx.codes.OK:
        told = msg("{url} answers {status} instead of our own", url=base_url, status=status)
        return Finding(Level.WARNING, "address", told, msg("Check where the proxy sends /livez"))
    return Finding(Level.WELL, "address", msg("{url} leads here", url=base_url))


def _try_mail(url: str) -> str | None:
    """Why the server would not take a mail from us; nothing is sent."""
    server = urlsplit(url)
    context = ssl.create_default_context()
    try:
        if server.scheme == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.hostname or "", server.port or 465, timeout=TIMEOUT_S, context=context
            )
        else:
            smtp = smtplib.SMTP(server.hostname or "", server.port or 25, timeout=TIMEOUT_S)
        with smtp:
            smtp.ehlo()
            if server.scheme != "smtps" and (server.username or smtp.has_extn("starttls")):
                smtp.starttls(context=context)
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
    except smtplib.SMTPResponseException as error:
        return str(error.smtp_code)
    except (smtplib.SMTPException, OSError) as error:
        return type(error).__name__
    return None
