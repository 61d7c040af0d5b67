"""What an owner and a platform agree on when a source is made: the secret, which is sealed, and the other settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ValidationError, create_model

from veilleur.domain.intake.sources.protocol import Platform
from veilleur.domain.intake.sources.settings import Settings
from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Agreement:
    """`secret` is shown once, `key` is what is sealed of it; `settings` are kept as they are."""

    secret: str
    key: bytes
    settings: dict[str, Any]


def agree(platform: Platform, given: Mapping[str, Any]) -> Agreement:
    """The settings as the kind needs them, with what may be made up made up. `Invalid` lists every mistake."""
    settings = _validate(platform.settings, _without_null(platform, given), "/settings")
    if platform.check is not None:
        platform.check(settings, "/settings")
    secret = str(getattr(settings, platform.proven_by))
    key = platform.read_secret(secret, f"/settings/{platform.proven_by}")
    return Agreement(secret, key, settings.model_dump(mode="json", exclude={platform.proven_by}))


def amend(platform: Platform, standing: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that stand, with those given in their places; the secret is rotated, not amended."""
    if platform.proven_by in given:
        detail = msg("a secret is not changed like this")
        hint = msg("rotate it with POST …/secrets")
        error = InputError(f"/settings/{platform.proven_by}", detail, hint)
        raise Invalid(msg("The settings have mistakes"), errors=[error])
    fields = {name: (field.annotation, field) for name, field in platform.settings.model_fields.items()}
    del fields[platform.proven_by]
    rest: Any = create_model("Rest", __base__=Settings, **cast("Any", fields))
    settings: BaseModel = _validate(rest, {**standing, **given}, "/settings")
    if platform.check is not None:
        platform.check(settings, "/settings")
    return settings.model_dump(mode="json")


def agree_on_secret(platform: Platform, given: str | None) -> tuple[str, bytes]:
    """Another secret, as text and as what is sealed; one that only the platform can make must be given."""
    field = platform.settings.model_fields[platform.proven_by]
    alone: Any = create_model("Secret", __base__=Settings, **cast("Any", {"secret": (field.annotation, field)}))
    settings = _validate(alone, {} if given is None else {"secret": given}, "")
    return settings.secret, platform.read_secret(settings.secret, "/secret")


def _without_null(platform: Platform, given: Mapping[str, Any]) -> dict[str, Any]:
    """A secret of null is one that is left out."""
    return {name: value for name, value in given.items() if name != platform.proven_by or value is not None}


def _validate(model: type[BaseModel], given: Mapping[str, Any], pointer: str) -> Any:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        invalid = invalid_from_pydantic(error.errors(include_url=False), prefix=pointer, document=given)
    unknown = {f"{pointer}/{name}" for name in given.keys() - model.model_fields.keys()}
    hint = msg("allowed: {codes}", codes=list(model.model_fields))
    errors = [InputError(one.pointer, one.detail, hint) if one.pointer in unknown else one for one in invalid.errors]
    raise Invalid(msg("The settings have mistakes"), errors=errors)
