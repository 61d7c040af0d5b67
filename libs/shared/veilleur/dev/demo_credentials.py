"""What the demo's programs know of the installation: the part of `credentials.json` they use.

They talk to loopback addresses only: a file that names another host is refused, so that no sample ever leaves the
machine, whatever it was pointed at.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.security.standard_webhooks import parse_webhook_secret
from veilleur.kernel.errors import Invalid

WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """A URL and the secret its messages are signed with: a source (we send) or an endpoint (we receive)."""

    url: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class DemoClient:
    slug: str
    source: SignedAddress
    endpoint: SignedAddress


@dataclass(frozen=True, slots=True)
class DemoModerator:
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class DemoCredentials:
    """`base_url` without a slash at its end; at least one client and one moderator.

    `moderators` are those the demo plays; the one for whoever reads the README is left alone.
    """

    base_url: str
    owner_token: str
    moderators: Sequence[DemoModerator]
    clients: Sequence[DemoClient]


def find_state_folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("VEILLEUR_DEV_STATE") or ".veilleur")


async def wait_for_credentials(state: Path, *, wait_s: float = WAIT_S) -> DemoCredentials:
    """The credentials of this state folder, as soon as they are written; `CannotStart` after `wait_s` seconds."""
    file = state / "credentials.json"
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + wait_s
    while not file.exists():
        if loop.time() >= give_up_at:
            raise CannotStart(
                f"There is no {file}: start `veilleur dev` first, or name its folder in VEILLEUR_DEV_STATE."
            )
        await asyncio.sleep(0.2)
    return parse_credentials(file.read_text(encoding="utf-8"))


def parse_credentials(text: str) -> DemoCredentials:
    """Reads the JSON that `veilleur dev` writes; `CannotStart` when a part is missing or a host is not loopback."""
    try:
        document: dict[str, Any] = json.loads(text)
        credentials = DemoCredentials(
            base_url=_read_url(document["base_url"]).rstrip("/"),
            owner_token=str(document["owner"]["token"]),
            moderators=tuple(
                DemoModerator(entry["name"], entry["token"])
                for entry in document["moderators"]
                if entry.get("played", True)
            ),
            clients=tuple(_read_client(entry) for entry in document["clients"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, Invalid) as error:
        raise CannotStart(f"credentials.json is not what `veilleur dev` writes ({error!r}): start it again.") from error
    if not credentials.clients or not credentials.moderators:
        raise CannotStart("credentials.json names no client or no moderator: start `veilleur dev` again.")
    return credentials


def _read_client(entry: dict[str, Any]) -> DemoClient:
    source = next(source for source in [*entry["sources"], None] if source is None or source["kind"] == "standard")
    if source is None:
        raise ValueError(f"{entry['slug']} has no source of kind standard")
    return DemoClient(entry["slug"], _read_address(source), _read_address(entry["endpoint"]))


def _read_address(entry: dict[str, Any]) -> SignedAddress:
    return SignedAddress(_read_url(entry["url"]), parse_webhook_secret(entry["secret"], "/secret"))


def _read_url(text: str) -> str:
    host = urlsplit(text).hostname or ""
    if host != "localhost" and not ip_address(host).is_loopback:
        raise CannotStart(f"{text} is not an address of this machine, and the demo talks to no other.")
    return text
