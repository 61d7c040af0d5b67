"""A rehearsal: a sample of the platform, signed with the source's secret, taken as a real delivery is; pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from veilleur.domain.intake.arrival import Arrival
from veilleur.domain.intake.sources.protocol import Delivery, Known, Reply
from veilleur.domain.intake.sources.reception import read_delivery, read_proven
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.kernel.strict_json import Json, canonical_bytes

PREFIX = "veilleur-test:"
"""Before the ids of rehearsed items: a sample may be a copy of something real that is still to come."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`signed` is False where only the platform can sign, so that the proof was left out."""

    delivery: Delivery
    payload: Json
    signed: bool
    arrival: Arrival | None


def rehearse(source: FoundSource, now: datetime) -> Rehearsal:
    """What the kind's sample becomes, in test mode: outcomes are fixed, no person sees it, nothing is billed."""
    platform = PLATFORMS[source.kind]
    known = Known(source.secrets, source.settings)
    payload = platform.sample(known)
    raw = canonical_bytes(payload)
    headers = platform.sign(raw, known, now) if platform.sign is not None else {}
    delivery = Delivery("POST", {}, headers, raw)
    tested = replace(source, mode="test")
    signed = platform.sign is not None
    taken = read_delivery(tested, delivery, now) if signed else read_proven(tested, delivery)
    return Rehearsal(delivery, payload, signed, None if isinstance(taken, Reply) else _mark(taken))


def _mark(arrival: Arrival) -> Arrival:
    """Without a webhook id: the next real delivery may have the sample's."""
    events = tuple(replace(event, external_id=f"{PREFIX}{event.external_id}"[:256]) for event in arrival.events)
    return replace(arrival, events=events, webhook_id=None, digest=None)
