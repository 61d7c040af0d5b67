"""LinkedIn organization notifications: `X-LI-Signature: <hex>` over `hmacsha256=` and the body.

LinkedIn asks every two hours whether the address still knows the secret, within three seconds; three misses block it.
https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_list, read_text, read_unix_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import hex_digest, read_header, require_digest
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json, canonical_bytes

_PREFIX = "hmacsha256="
_CODE = re.compile(r"[A-Za-z0-9-]{1,128}")


class LinkedinSettings(Settings):
    client_secret: Annotated[str, Field(min_length=8, max_length=200)]


def shake(delivery: Delivery, known: Known) -> Reply | None:
    """Only what a code is made of is signed: otherwise anybody could have a delivery of their own signed here."""
    code = delivery.query.get("challengeCode", "")
    if not (_CODE.fullmatch(code) and known.secrets):
        return None
    answer: Json = {"challengeCode": code, "challengeResponse": hex_digest(known.secrets[0], code.encode())}
    return Reply(200, canonical_bytes(answer), "application/json")


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    """The header is the digest alone; some write the prefix in front of it as well."""
    signature = read_header(delivery.headers, "x-li-signature").removeprefix(_PREFIX)
    require_digest(signature, known.secrets, _PREFIX.encode() + delivery.raw)


def map_events(_delivery: Delivery, payload: Json, _known: Known) -> list[Mapped]:
    return [mapped for told in read_list(payload, "notifications") if (mapped := _read(told)) is not None]


def sample(_known: Known) -> Json:
    comment: Json = {"text": "A comment of a test", "owner": "urn:li:person:tester"}
    told: Json = {
        "notificationId": 1,
        "action": "COMMENT",
        "organizationalEntity": "urn:li:organization:2414183",
        "sourcePost": "urn:li:share:6589252",
        "generatedActivity": "urn:li:comment:(urn:li:activity:6589253,6589254)",
        "decoratedGeneratedActivity": {"comment": comment},
    }
    return {"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": [told]}


def sign(raw: bytes, known: Known, _now: datetime) -> dict[str, str]:
    return {"x-li-signature": hex_digest(known.secrets[0], _PREFIX.encode() + raw)}


def explain(url: str) -> list[Message]:
    return [
        msg(
            "In your approved app at developer.linkedin.com add {url} as a webhook; LinkedIn checks it at once",
            url=url,
        ),
        msg("Subscribe your organization to its social action notifications"),
    ]


def _read(told: Json) -> Mapped | None:
    action, number = dig(told, "action"), read_id(told, "generatedActivity")
    if number is None:
        return None
    if action == "COMMENT_DELETE":
        return Mapped("item.deleted", {"external_id": number})
    activity = dig(told, "decoratedGeneratedActivity")
    content = dig(activity, "comment") or dig(activity, "share")
    text = read_text(content, "text") or read_text(content, "message", "text")
    if text is None or action not in {"COMMENT", "COMMENT_EDIT", "SHARE_MENTION"}:
        return None
    item = drop_empty(
        {
            "external_id": number,
            "kind": "post" if action == "SHARE_MENTION" else "comment",
            "text": text,
            "created_at": _read_instant(told),
            "author": {"external_id": read_id(content, "owner") or read_id(content, "actor")},
            "context": {"channel": read_id(told, "organizationalEntity"), "thread_id": read_id(told, "sourcePost")},
        }
    )
    return Mapped("item.updated" if action == "COMMENT_EDIT" else "item.created", item)


def _read_instant(told: Json) -> str | None:
    """LinkedIn counts milliseconds."""
    instant = dig(told, "lastModifiedAt")
    return read_unix_time(instant / 1_000) if isinstance(instant, int) else None


PLATFORM = Platform(
    settings=LinkedinSettings,
    proven_by="client_secret",
    accepted=Reply(200),
    shake=shake,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
