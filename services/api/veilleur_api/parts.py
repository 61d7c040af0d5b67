"""What an API process is made of, built once and reached through `request.app.state.parts`."""

import asyncio
from dataclasses import dataclass, field

import httpx

from veilleur.domain.tenancy.issuer import Issuer
from veilleur.domain.tenancy.keyring import Keyring
from veilleur.domain.tenancy.lookup import Lookups
from veilleur.infra.db.session import Database
from veilleur.infra.doorbell import ArqBell
from veilleur.infra.outbound.dial import Resolver, make_resolver
from veilleur.infra.outbound.egress import EgressPolicy
from veilleur.infra.outbound.http import build_client
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.settings import Settings
from veilleur_api.ingest.group_commit import GroupCommit
from veilleur_api.ingest.unstored import UnstoredLog
from veilleur_api.measure import Measurer

CALL_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    bell: ArqBell
    database: Database
    sealer: Sealer
    """Of the master keys."""
    keyring: Keyring
    issuer: Issuer
    lookups: Lookups
    egress: EgressPolicy
    resolve: Resolver
    http: httpx.AsyncClient
    """For addresses that somebody else chose."""
    intake: GroupCommit
    unstored: UnstoredLog
    measurer: Measurer = field(default_factory=Measurer)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is to end: it is no longer ready, and still serves."""


def build_parts(settings: Settings) -> Parts:
    """Wire the parts; nothing is connected yet."""
    bell = ArqBell(settings.redis_url.get_secret_value())
    database = Database(settings.database_url.get_secret_value(), bell=bell, pool_size=settings.pool_size)
    egress = EgressPolicy(settings.egress_allow)
    sealer = Sealer.from_master_key(*settings.master_keys)
    keyring = Keyring(database, sealer)
    return Parts(
        settings=settings,
        bell=bell,
        database=database,
        sealer=sealer,
        keyring=keyring,
        issuer=Issuer(database, sealer, settings.issuer),
        lookups=Lookups(database, keyring),
        egress=egress,
        resolve=make_resolver(workers=4),
        http=build_client(egress, CALL_TIMEOUT_S),
        intake=GroupCommit(database),
        unstored=UnstoredLog(database),
    )
