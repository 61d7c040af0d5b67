"""Any sender that can post JSON: Zapier, Make, a platform's own workflows, a bridge somebody wrote in an afternoon.

Proven by a shared token (`Authorization: Bearer …`) or by an HMAC-SHA256 of the body in a header of the owner's choice,
and read by a mapping the owner writes, tried on a sample before the source is made.
"""

import secrets as randomness
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from veilleur.domain.intake.envelope import InboundEvent, read_event
from veilleur.domain.intake.sources.mapping import JsonMapping, apply_mapping
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import (
    base64_digest,
    hex_digest,
    read_header,
    require_digest,
    require_word,
)
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json

_DIGESTS = {"hex": hex_digest, "base64": base64_digest}


class HmacSettings(Settings):
    """Where the digest of the body stands, and how it is written."""

    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
    prefix: Annotated[str, Field(max_length=50)] = ""
    encoding: Literal["hex", "base64"] = "hex"


class GenericSettings(Settings):
    """`token` is the shared token, or the key of the HMAC where one is described; made for you when left out.

    `sample` is a body as the sender writes it: the mapping must find an item in it.
    """

    token: Annotated[str, Field(pattern=r"^[!-~]{16,256}$", default_factory=randomness.token_urlsafe)]
    hmac: HmacSettings | None = None
    mapping: JsonMapping
    sample: dict[str, Any] | list[Any]


def check_sample(settings: GenericSettings, pointer: str) -> None:
    """`Invalid` unless the mapping makes items of the sample that intake would take."""
    found = apply_mapping(settings.mapping, settings.sample)
    if not found:
        nothing = msg("the mapping finds no item in this sample")
        raise Invalid(msg("The mapping does not fit its sample"), errors=[InputError(f"{pointer}/sample", nothing)])
    _read_all(found, f"{pointer}/mapping/fields")


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    described = known.settings.get("hmac")
    if described is None:
        require_word(read_header(delivery.headers, "authorization", "Bearer "), known.secrets)
        return
    given = read_header(delivery.headers, str(described["header"]).lower(), str(described["prefix"]))
    require_digest(given, known.secrets, delivery.raw, _DIGESTS[described["encoding"]])


def read_events(_delivery: Delivery, payload: Json, known: Known) -> list[InboundEvent]:
    """Every mistake is told: the sender is somebody's own work, and so is the mapping."""
    found = apply_mapping(JsonMapping.model_validate(known.settings["mapping"]), payload)
    return _read_all(found, "")


def sample(known: Known) -> Json:
    written: Json = known.settings["sample"]
    return written


def sign(raw: bytes, known: Known, _now: datetime) -> dict[str, str]:
    described = known.settings.get("hmac")
    if described is None:
        return {"authorization": f"Bearer {known.secrets[0].decode()}"}
    digest = _DIGESTS[described["encoding"]](known.secrets[0], raw)
    return {str(described["header"]).lower(): f"{described['prefix']}{digest}"}


def explain(url: str) -> list[Message]:
    return [
        msg("Let the sender POST JSON to {url}", url=url),
        msg("Let it send the header Authorization: Bearer and the token shown here, once; or sign the body with it"),
        msg("Each post is one body like the sample of this source"),
    ]


def _read_all(found: list[Mapped], pointer: str) -> list[InboundEvent]:
    events: list[InboundEvent] = []
    mistakes: list[InputError] = []
    for mapped in found:
        try:
            events.append(read_event(mapped.type, mapped.data, pointer))
        except Invalid as invalid:
            mistakes += invalid.errors
    if mistakes:
        raise Invalid(msg("The mapping makes of this what is no item"), errors=mistakes)
    return events


PLATFORM = Platform(
    settings=GenericSettings,
    proven_by="token",
    forgiving=False,
    verify=verify,
    read_events=read_events,
    explain=explain,
    sample=sample,
    sign=sign,
    check=check_sample,
)
