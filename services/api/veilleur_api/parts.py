"""What an API process is made of, built once and reached through `request.app.state.parts`."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
from opentelemetry.trace import TracerProvider

from veilleur.domain.tenancy.issuer import Issuer
from veilleur.domain.tenancy.keyring import Keyring
from veilleur.domain.tenancy.lookup import Lookups
from veilleur.infra.db.session import Database
from veilleur.infra.doorbell import ArqBell
from veilleur.infra.outbound.dial import Resolver, make_resolver
from veilleur.infra.outbound.egress import EgressPolicy
from veilleur.infra.outbound.http import build_client
from veilleur.infra.security.jwks import KeyShelf
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.settings import Settings
from veilleur.infra.shared_purses import SharedPurses
from veilleur.infra.single_flight import SingleFlight
from veilleur.infra.tracing import build_tracers
from veilleur_api.ingest.group_commit import GroupCommit
from veilleur_api.ingest.holdback import Holdback
from veilleur_api.ingest.pacing import Pacer
from veilleur_api.ingest.turnstile import IntakeGate
from veilleur_api.ingest.unstored import UnstoredLog
from veilleur_api.measure import Measurer
from veilleur_api.vouching import Identities
from veilleur_api.waits import Waits

if TYPE_CHECKING:
    from veilleur_api.readiness import Readiness

CALL_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    bell: ArqBell
    database: Database
    """For people: members, the operator, logging in."""
    intake_database: Database
    """For client platforms: what they take up is missing to nobody who works here."""
    sealer: Sealer
    """Of the master keys."""
    keyring: Keyring
    issuer: Issuer
    lookups: Lookups
    identities: Identities
    egress: EgressPolicy
    resolve: Resolver
    http: httpx.AsyncClient
    """For addresses that somebody else chose."""
    gate: IntakeGate
    unstored: UnstoredLog
    holdback: Holdback
    tracers: TracerProvider
    measurer: Measurer = field(default_factory=Measurer)
    waits: Waits = field(default_factory=Waits)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a large document is read beside everything else."""
    trials: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Rule sets tried out at once, with no connection in hand: the desk must not wait for them."""
    looks: SingleFlight["Readiness"] = field(default_factory=SingleFlight)
    """Anybody may ask whether the process is ready: however many ask, it looks once at a time."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is to end: it is no longer ready, and still serves."""


def build_parts(settings: Settings) -> Parts:
    """Wire the parts; nothing is connected yet."""
    redis_url = settings.redis_url.get_secret_value()
    bell = ArqBell(redis_url)
    url = settings.database_url.get_secret_value()
    people = Database(url, bell=bell, pool_size=settings.pool_size)
    database = Database(url, bell=bell, pool_size=settings.intake_pool_size)
    egress = EgressPolicy(settings.egress_allow)
    sealer = Sealer.from_master_key(*settings.master_keys)
    keyring = Keyring(people, sealer)
    lookups = Lookups(people, keyring, intake=database)
    http = build_client(egress, CALL_TIMEOUT_S)
    return Parts(
        settings=settings,
        bell=bell,
        database=people,
        intake_database=database,
        sealer=sealer,
        keyring=keyring,
        issuer=Issuer(people, sealer, settings.issuer),
        lookups=lookups,
        identities=Identities(lookups, KeyShelf(http)),
        egress=egress,
        resolve=make_resolver(workers=4),
        http=http,
        gate=IntakeGate(database, GroupCommit(database), Pacer(SharedPurses(redis_url)), settings.backlog_cap),
        unstored=UnstoredLog(database),
        holdback=Holdback(),
        tracers=build_tracers(settings.otlp_url, "veilleur-api"),
    )
