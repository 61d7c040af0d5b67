"""What a worker process is made of."""

import asyncio
from dataclasses import dataclass, field

import httpx
from opentelemetry.trace import Tracer

from veilleur.domain.screening.rule_sets import RuleSetCache
from veilleur.domain.tenancy.keyring import Keyring
from veilleur.domain.trials.shelf import Shelf
from veilleur.infra.counters import Counters
from veilleur.infra.db.session import Database
from veilleur.infra.doorbell import ArqBell
from veilleur.infra.heartbeat import Pulse
from veilleur.infra.journal import Journal
from veilleur.infra.outbound.egress import EgressPolicy
from veilleur.infra.outbound.http import build_client
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.settings import Settings
from veilleur.infra.tracing import build_tracers
from veilleur.infra.watermark import Witness

SEND_TIMEOUT_S = 10.0
SCREEN_TURNS = 4
"""Batches that a process screens side by side."""


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    bell: ArqBell
    database: Database
    sealer: Sealer
    """Of the master keys."""
    keyring: Keyring
    http: httpx.AsyncClient
    rule_sets: RuleSetCache
    counters: Counters
    shelf: Shelf
    tracer: Tracer
    witness: Witness
    journal: Journal
    pulse: Pulse = field(default_factory=Pulse)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SCREEN_TURNS))
    """Who is to screen a batch waits in line: agencies take turns, however much one of them has waiting."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is to end: drains take no further batch."""

    async def close(self) -> None:
        await self.bell.close()
        await self.counters.close()
        await self.witness.close()
        await self.http.aclose()
        await self.database.close()


def build_parts(settings: Settings) -> Parts:
    bell = ArqBell(settings.redis_url.get_secret_value())
    database = Database(settings.database_url.get_secret_value(), bell=bell, pool_size=settings.pool_size)
    sealer = Sealer.from_master_key(*settings.master_keys)
    return Parts(
        settings=settings,
        bell=bell,
        database=database,
        sealer=sealer,
        keyring=Keyring(database, sealer),
        http=build_client(EgressPolicy(settings.egress_allow), SEND_TIMEOUT_S),
        rule_sets=RuleSetCache(),
        counters=Counters(settings.redis_url.get_secret_value()),
        shelf=Shelf(),
        tracer=build_tracers(settings.otlp_url, "veilleur-worker").get_tracer("veilleur"),
        witness=Witness(settings.redis_url.get_secret_value(), settings.journal_dir),
        journal=Journal(settings.journal_dir),
    )
