"""The demo agency: two clients with published rule sets, an owner, a moderator for whoever reads the README, three whom
the demo plays, and everything to try them with.

Secrets can't be read back from the database (they are hashed or sealed), so they are kept beside it, in `agency.json`
of the state folder. Tokens are issued anew at every call.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.dev.context import DevContext
from veilleur.dev.demo_contracts import ensure_contracts
from veilleur.dev.demo_samples import find_samples
from veilleur.dev.state import write_private
from veilleur.domain.onboarding.start import NewAgency, NewClient, start_agency, start_client
from veilleur.domain.outbox.endpoints import add_endpoint
from veilleur.domain.outbox.models import Endpoint
from veilleur.domain.screening.authoring import publish_rule_set, save_rule_set
from veilleur.domain.tenancy.connections import NewCredential, NewSource, add_source, issue_credential
from veilleur.domain.tenancy.issuer import Issuer, TokenClaims
from veilleur.domain.tenancy.keyring import find_sealer
from veilleur.domain.tenancy.members import NewMember, add_member
from veilleur.domain.tenancy.models import Agency
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.doorbell import SilentBell
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.security.standard_webhooks import new_webhook_secret, parse_webhook_secret
from veilleur.kernel.clock import now
from veilleur.kernel.ids import new_id, parse_id, show_id

ACTOR = "operator"
_CHANGED = "agency.json was changed by hand"
TIME_ZONE = "Europe/Paris"
TOKEN_LIFETIME = timedelta(hours=24)
SCOPES = ("ingest:write", "items:read", "decisions:write", "endpoints:write", "billing:read", "erasure:write")
READER = "Dana"
PLAYED = ("Amina", "Bruno", "Chloé")
CAPACITY = 10


@dataclass(frozen=True, slots=True)
class DemoClient:
    new: NewClient
    rules: str


CLIENTS = (
    DemoClient(NewClient("forum-fr", "Le Forum", TIME_ZONE, ("fr",), "publish"), "forum-fr.yaml"),
    DemoClient(NewClient("videos-en", "Video Channel", "Europe/London", ("en",), "withhold"), "videos-en.yaml"),
)


def ensure_agency(context: DevContext, *, demo: bool = False) -> dict[str, Any]:
    """What `credentials.json` tells of the agency; made at the first call, found again at the next.

    With `demo` its clients pay for what they get.
    """
    return asyncio.run(_ensure(context, demo=demo))


async def _ensure(context: DevContext, *, demo: bool) -> dict[str, Any]:
    sealer = Sealer.from_master_key(context.master_key)
    database = Database(context.app_url, bell=SilentBell(), pool_size=2)
    try:
        issuer = Issuer(database, sealer, context.base_url)
        await issuer.load_keys()
        kept = await _find_kept(database, context.state)
        if kept is None:
            kept = await _found(database, sealer, context)
            write_private(_file(context.state), kept)
        await _follow_addresses(database, kept, context)
        if demo:
            await _sign_contracts(database, kept)
        return _describe(kept, issuer, context)
    finally:
        await database.close()


async def _find_kept(database: Database, state: Path) -> dict[str, Any] | None:
    """The agency of `agency.json`, if this database still has it."""
    try:
        kept: dict[str, Any] = json.loads(_file(state).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    agency_id = parse_id("agc", kept["agency_id"])
    async with database.transaction(Scope(agency_id)) as session:
        found = await session.scalar(select(Agency.slug).where(Agency.agency_id == agency_id))
    return kept if found is not None else None


async def _found(database: Database, sealer: Sealer, context: DevContext) -> dict[str, Any]:
    """One transaction: a demo agency is there whole, or not at all."""
    agency_id = new_id()
    # A database that outlives its state folder may have a `demo` already.
    new = NewAgency(f"demo-{secrets.token_hex(3)}", "Demo agency", TIME_ZONE, "owner@demo.example", "Olga")
    async with database.transaction(Scope(agency_id)) as session:
        owner = await start_agency(session, agency_id, new, ACTOR)
        clients = [await _add_client(session, sealer, agency_id, client, context) for client in CLIENTS]
        reader = await _add_moderator(session, agency_id, READER, played=False)
        played = [await _add_moderator(session, agency_id, name, played=True) for name in PLAYED]
    return {
        "agency_id": show_id("agc", agency_id),
        "owner": show_id("mem", owner.id),
        "moderators": [reader, *played],
        "clients": clients,
    }


async def _add_client(
    session: AsyncSession, masters: Sealer, agency_id: UUID, demo: DemoClient, context: DevContext
) -> dict[str, Any]:
    client = await start_client(session, agency_id, demo.new, ACTOR)
    secret = new_webhook_secret()
    key = parse_webhook_secret(secret, "")
    sealer = await find_sealer(session, masters, agency_id, client.id)
    source = await add_source(session, sealer, client, NewSource("standard", "main"), key, ACTOR)
    api_key, _ = await issue_credential(session, client, NewCredential("api_key", "server", SCOPES), ACTOR)
    oauth_client = NewCredential("oauth_client", "engineer", SCOPES)
    client_secret, oauth = await issue_credential(session, client, oauth_client, ACTOR)
    url = _callback_url(context, client.slug)
    endpoint = Endpoint(agency_id=agency_id, client_id=client.id, url=url)
    endpoint_secret = await add_endpoint(session, sealer, endpoint, ACTOR)
    rules = (find_samples() / "rules" / demo.rules).read_text(encoding="utf-8")
    saved = await save_rule_set(session, agency_id, client.id, rules, "The rules of the demo", ACTOR)
    await publish_rule_set(session, agency_id, client.id, saved.version.version, ACTOR)
    return {
        "id": show_id("cli", client.id),
        "slug": client.slug,
        "api_key": api_key,
        "client_id": show_id("key", oauth.id),
        "client_secret": client_secret,
        "source": {"id": show_id("src", source.id), "secret": secret},
        "endpoint": {"id": show_id("end", endpoint.id), "secret": endpoint_secret},
    }


async def _add_moderator(session: AsyncSession, agency_id: UUID, name: str, *, played: bool) -> dict[str, Any]:
    email = f"moderator-{len(name)}-{name[0].lower()}@demo.example"
    new = NewMember(email, name, ("moderator",), ("fr", "en"), clients=None, capacity=CAPACITY)
    member = await add_member(session, agency_id, new, ACTOR)
    return {"id": show_id("mem", member.id), "name": name, "played": played}


async def _follow_addresses(database: Database, kept: dict[str, Any], context: DevContext) -> None:
    """The receiver of the demo may listen on another port than last time."""
    agency_id = parse_id("agc", kept["agency_id"])
    async with database.transaction(Scope(agency_id)) as session:
        for client in kept["clients"]:
            await session.execute(
                update(Endpoint)
                .where(Endpoint.agency_id == agency_id, Endpoint.id == parse_id("end", client["endpoint"]["id"]))
                .values(url=_callback_url(context, client["slug"]))
            )


async def _sign_contracts(database: Database, kept: dict[str, Any]) -> None:
    agency_id, owner = parse_id("agc", kept["agency_id"]), parse_id("mem", kept["owner"])
    if agency_id is None or owner is None:
        raise ValueError(_CHANGED)
    async with database.transaction(Scope(agency_id)) as session:
        await ensure_contracts(session, agency_id, owner, now().date())


def _describe(kept: dict[str, Any], issuer: Issuer, context: DevContext) -> dict[str, Any]:
    def token(member: str) -> str:
        return issuer.issue(_claims(kept["agency_id"], member), TOKEN_LIFETIME)

    return {
        "agency_id": kept["agency_id"],
        "owner": {"id": kept["owner"], "token": token(kept["owner"])},
        "moderators": [{**moderator, "token": token(moderator["id"])} for moderator in kept["moderators"]],
        "clients": [_describe_client(client, context) for client in kept["clients"]],
    }


def _describe_client(client: dict[str, Any], context: DevContext) -> dict[str, Any]:
    source = client["source"]
    url = f"{context.base_url}/ingest/v1/sources/{source['id']}"
    named = {name: client[name] for name in ("id", "slug", "api_key", "client_id", "client_secret")}
    return {
        **named,
        "sources": [{"id": source["id"], "kind": "standard", "url": url, "secret": source["secret"]}],
        "endpoint": {**client["endpoint"], "url": _callback_url(context, client["slug"])},
    }


def _claims(agency: str, member: str) -> TokenClaims:
    agency_id, member_id = parse_id("agc", agency), parse_id("mem", member)
    if agency_id is None:
        raise ValueError(_CHANGED)
    return TokenClaims(agency_id, member_id=member_id)


def _callback_url(context: DevContext, slug: str) -> str:
    return f"{context.receiver_url}/callbacks/{slug}"


def _file(state: Path) -> Path:
    return state / "agency.json"
