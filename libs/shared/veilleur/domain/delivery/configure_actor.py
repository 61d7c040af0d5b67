"""How a source is acted on: set by the owner, its credentials sealed at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.models import Action
from veilleur.domain.delivery.act import actor_aad
from veilleur.domain.delivery.actions.protocol import Actor, Credentials
from veilleur.domain.delivery.actions.registry import ACTORS, BRIDGED, find_platform
from veilleur.domain.delivery.call_off import cancel_source_actions
from veilleur.domain.delivery.models import SourceActor
from veilleur.domain.tenancy.models import Source
from veilleur.infra.outbound.egress import EgressPolicy, check_callback_url
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class ActorTerms:
    """What the owner wants; without `credentials` those that stand go on."""

    mode: str
    hold_s: int = 0
    platform: str | None = None
    credentials: Mapping[str, Any] | None = None
    operations: Mapping[str, Mapping[str, str | None]] | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """What checking and sealing need."""

    sealer: Sealer
    egress: EgressPolicy


async def configure_actor(session: AsyncSession, keys: Keys, source: Source, terms: ActorTerms, by: str) -> SourceActor:
    """Act like this from the next decision on. With `callback` all that waits is called off. Lists every mistake."""
    await session.refresh(source, with_for_update=True)
    actor = await session.get(SourceActor, (source.agency_id, source.id))
    if actor is None:
        actor = SourceActor(agency_id=source.agency_id, source_id=source.id, client_id=source.client_id)
    platform = find_platform(source.kind, terms.platform) or (actor.platform if terms.platform is None else None)
    if terms.platform not in {None, platform}:
        raise _unknown_platform(source.kind, platform)
    if platform is None and terms.mode != "callback":
        raise _unknown_platform(source.kind, None)
    credentials, errors = _read_credentials(platform, terms, keys.egress)
    if terms.mode == "act_after_hold" and terms.hold_s == 0:
        errors.append(InputError("/hold_s", msg("a hold lasts a second at least")))
    if terms.mode != "callback" and credentials is None and not errors and not _stands(actor, platform):
        errors.append(InputError("/credentials", msg("is missing")))
    if platform is not None and terms.operations is not None:
        codes = await _list_codes(session, source)
        errors += check_operations(ACTORS[platform], terms.operations, codes)
    if errors:
        raise Invalid(msg("The source can't be acted on like this"), errors=errors)
    _apply(actor, platform, terms, keys, credentials)
    actor.configured_at = (await session.execute(select(func.app_now()))).scalar_one()
    session.add(actor)
    await session.flush()
    if terms.mode == "callback":
        await cancel_source_actions(session, source.agency_id, source.id)
    details = {"mode": terms.mode, "hold_s": terms.hold_s, "platform": platform, "credentials": credentials is not None}
    deed = Deed(by, "source.actor_configured", show_id("src", source.id), source.client_id, details)
    await record_deeds(session, source.agency_id, [deed])
    return actor


def check_operations(
    actor: Actor, operations: Mapping[str, Mapping[str, str | None]], codes: Sequence[str]
) -> list[InputError]:
    """Every name that the platform, the catalogue or the verdicts do not know; pure."""
    allowed = {"actions": sorted(codes), "verdicts": ["allow", "restrict", "remove"]}
    names = msg("allowed: {codes}", codes=sorted(actor.operations))
    errors = []
    for group, chosen in operations.items():
        for code, operation in chosen.items():
            pointer = f"/operations/{group}/{code.replace('~', '~0').replace('/', '~1')}"
            if code not in allowed[group]:
                hint = msg("allowed: {codes}", codes=allowed[group])
                errors.append(InputError(pointer, msg("{code} is not known here", code=code[:64]), hint))
            if operation is not None and operation not in actor.operations:
                unknown = msg("{code} is not known here", code=operation[:64])
                errors.append(InputError(pointer, unknown, names))
            elif operation is not None and group == "verdicts" and actor.operations[operation].target != "item":
                errors.append(InputError(pointer, msg("a verdict is about the item, this is about its author"), names))
    return errors


def read_credentials(keys: Keys, actor: SourceActor) -> dict[str, Any]:
    """The credentials in the clear, for a call."""
    place = actor_aad(actor.agency_id, actor.source_id)
    opened: dict[str, Any] = json.loads(keys.sealer.open(actor.sealed or b"", place))
    return opened


def seal_credentials(sealer: Sealer, agency_id: UUID, source_id: UUID, credentials: Mapping[str, Any]) -> bytes:
    return sealer.seal(json.dumps(credentials).encode(), actor_aad(agency_id, source_id))


def _read_credentials(
    platform: str | None, terms: ActorTerms, egress: EgressPolicy
) -> tuple[Credentials | None, list[InputError]]:
    if terms.credentials is None or platform is None:
        return None, []
    model = ACTORS[platform].credentials
    try:
        credentials = model.model_validate(terms.credentials)
    except ValidationError as error:
        found = invalid_from_pydantic(
            error.errors(include_url=False), prefix="/credentials", document=terms.credentials
        ).errors
        hint = msg("allowed: {codes}", codes=list(model.model_fields))
        unknown = {f"/credentials/{name}" for name in terms.credentials.keys() - model.model_fields.keys()}
        return None, [InputError(one.pointer, one.detail, hint) if one.pointer in unknown else one for one in found]
    url = getattr(credentials, "url", None)
    try:
        if url is not None:
            check_callback_url(url, egress, "/credentials/url")
    except Invalid as invalid:
        return None, list(invalid.errors)
    return credentials, []


def _stands(actor: SourceActor, platform: str | None) -> bool:
    return actor.sealed is not None and actor.platform == platform


def _apply(
    actor: SourceActor, platform: str | None, terms: ActorTerms, keys: Keys, credentials: Credentials | None
) -> None:
    if actor.platform != platform:
        actor.sealed, actor.settings, actor.operations = None, {}, {}
    actor.platform, actor.mode = platform, terms.mode
    actor.hold_s = terms.hold_s if terms.mode == "act_after_hold" else 0
    if terms.operations is not None or actor.operations is None:
        actor.operations = {group: dict(chosen) for group, chosen in (terms.operations or {}).items()}
    if credentials is None:
        return
    document = credentials.model_dump(mode="json", exclude_none=True)
    actor.settings = {name: document[name] for name in credentials.shown if name in document}
    actor.sealed = seal_credentials(keys.sealer, actor.agency_id, actor.source_id, document)
    actor.last_error = actor.quiet_until = None


async def _list_codes(session: AsyncSession, source: Source) -> list[str]:
    mine = (Action.agency_id == source.agency_id, Action.client_id == source.client_id)
    return list(await session.scalars(select(Action.code).where(*mine)))


def _unknown_platform(kind: str, own: str | None) -> Invalid | Conflict:
    if kind not in BRIDGED and own is None:
        return Conflict(msg("Nothing can be done on this platform from here; callbacks still go out"))
    hint = msg("allowed: {codes}", codes=sorted(ACTORS) if kind in BRIDGED else [own])
    error = InputError("/platform", msg("say which platform the content is from"), hint)
    return Invalid(msg("The source can't be acted on like this"), errors=[error])
