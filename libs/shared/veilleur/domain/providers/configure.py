"""Providers an agency sets up, changes and gives up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.providers.models import Provider
from veilleur.domain.providers.protocol import VendorSettings
from veilleur.domain.providers.reading import seal_place
from veilleur.domain.providers.registry import VENDORS
from veilleur.domain.rules.schema import CATEGORIES
from veilleur.domain.tenancy.models import Client
from veilleur.infra.outbound.egress import EgressPolicy, check_callback_url
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.errors import Conflict, InputError, Invalid, NotFound
from veilleur.kernel.ids import new_id, parse_id, show_id
from veilleur.kernel.messages import msg

ADDRESSES = ("url", "endpoint")
"""The settings that say where a provider is called."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What of a provider is given or changed: only what `given` has by its name.

    `settings` as its kind wants them, `secret` in the clear, `clients` as shown ids, `timeout_s`, `daily_budget`.
    """

    given: Mapping[str, Any]
    egress: EgressPolicy
    sealer: Sealer


async def add_provider(
    session: AsyncSession, agency_id: UUID, identity: tuple[str, str], terms: Terms, actor: str
) -> Provider:
    """A provider by its kind and name. `Invalid` lists every mistake; a taken name is a `Conflict`."""
    kind, name = identity
    known = InputError("/name", msg("{name} is a category of all providers", name=name), msg("take another name"))
    values = await _weigh(session, agency_id, kind, terms, [known] if name in CATEGORIES else [])
    provider = Provider(agency_id=agency_id, id=new_id(), name=name, kind=kind)
    _apply(provider, values, terms)
    try:
        async with session.begin_nested():
            session.add(provider)
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("The name {name} is taken", name=name), slug="name-taken") from None
    await session.refresh(provider)
    await _tell(session, provider, "created", values, actor)
    return provider


async def change_provider(session: AsyncSession, provider: Provider, terms: Terms, actor: str) -> None:
    """Change what is given; other settings replace the old ones as a whole.

    A secret is told to nobody but whom it was given for: another address needs it said again.
    """
    values = await _weigh(session, provider.agency_id, provider.kind, terms, [])
    if provider.sealed is not None and "secret" not in values and _moves(provider, values):
        again = InputError("/secret", msg("must be given again where the address changes"))
        raise Invalid(msg("The provider can't be kept like this"), errors=[again])
    _apply(provider, values, terms)
    await session.flush()
    await _tell(session, provider, "changed", values, actor)


async def retire_provider(session: AsyncSession, provider: Provider, actor: str) -> None:
    """Never ask it again, and forget its secret; its name is free."""
    provider.disabled_at = (await session.execute(select(func.app_now()))).scalar_one()
    provider.sealed = None
    await session.flush()
    await _tell(session, provider, "deleted", {}, actor)


async def find_provider(session: AsyncSession, agency_id: UUID, shown: str) -> Provider:
    provider_id = parse_id("prv", shown)
    provider = None if provider_id is None else await session.get(Provider, (agency_id, provider_id))
    if provider is None or provider.disabled_at is not None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return provider


async def _weigh(
    session: AsyncSession, agency_id: UUID, kind: str, terms: Terms, errors: list[InputError]
) -> dict[str, Any]:
    values = dict(terms.given)
    if "settings" in values:
        settings, mistakes = _read_settings(kind, values["settings"])
        errors += mistakes
        if settings is not None:
            errors += _check_addresses(settings, terms.egress)
            values["settings"] = settings.model_dump(mode="json")
    if "clients" in values:
        values["clients"], mistakes = await _read_clients(session, agency_id, values["clients"])
        errors += mistakes
    if errors:
        raise Invalid(msg("The provider can't be kept like this"), errors=errors)
    return values


def _moves(provider: Provider, values: Mapping[str, Any]) -> bool:
    settings = values.get("settings", provider.settings)
    return any(settings.get(name) != provider.settings.get(name) for name in ADDRESSES)


def _read_settings(kind: str, given: Mapping[str, Any]) -> tuple[VendorSettings | None, Sequence[InputError]]:
    model = VENDORS[kind].settings
    try:
        return model.model_validate(given), ()
    except ValidationError as error:
        invalid = invalid_from_pydantic(error.errors(include_url=False), prefix="/settings", document=given)
    unknown = {f"/settings/{name}" for name in given.keys() - model.model_fields.keys()}
    hint = msg("allowed: {codes}", codes=list(model.model_fields))
    return None, [
        InputError(one.pointer, one.detail, hint) if one.pointer in unknown else one for one in invalid.errors
    ]


def _check_addresses(settings: VendorSettings, egress: EgressPolicy) -> Sequence[InputError]:
    """A provider is called like a client's endpoint: on the open internet, or where the operator allows it."""
    for name in ADDRESSES:
        address = getattr(settings, name, None)
        try:
            if address is not None:
                check_callback_url(address, egress, f"/settings/{name}")
        except Invalid as invalid:
            return invalid.errors
    return ()


async def _read_clients(
    session: AsyncSession, agency_id: UUID, shown: Sequence[str]
) -> tuple[list[UUID], list[InputError]]:
    ids = [parse_id("cli", one) for one in shown]
    query = select(Client.id).where(Client.agency_id == agency_id, Client.id.in_([one for one in ids if one]))
    known = set(await session.scalars(query))
    errors = [
        InputError(f"/clients/{place}", msg("There is no {id} here", id=shown[place][:64]))
        for place, one in enumerate(ids)
        if one not in known
    ]
    return sorted(known), errors


def _apply(provider: Provider, values: Mapping[str, Any], terms: Terms) -> None:
    for name, value in values.items():
        if name == "secret":
            place = seal_place(provider.agency_id, provider.id)
            provider.sealed = None if value is None else terms.sealer.seal(value.encode(), place)
        else:
            setattr(provider, name, value)


async def _tell(session: AsyncSession, provider: Provider, verb: str, values: Mapping[str, Any], actor: str) -> None:
    details: dict[str, Any] = {"name": provider.name, "fields": sorted(values)}
    if "clients" in values:
        details["clients"] = [show_id("cli", one) for one in values["clients"]]
    deed = Deed(actor, f"provider.{verb}", show_id("prv", provider.id), None, details)
    await record_deeds(session, provider.agency_id, [deed])
