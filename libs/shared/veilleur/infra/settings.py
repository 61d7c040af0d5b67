"""What a process is told from outside: environment variables with the prefix `VEILLEUR_`.

Built once in each `main` and passed on; nothing else reads the environment. There are no default secrets: a process
without its master key does not start.
"""

import base64
from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from veilleur.infra.cannot_start import CannotStart

Network = IPv4Network | IPv6Network

S = TypeVar("S", bound=BaseSettings)


class DatabaseSettings(BaseSettings):
    """What is enough to reach the database: all that `veilleur migrate` and `veilleur backup` need."""

    model_config = SettingsConfigDict(env_prefix="VEILLEUR_", env_ignore_empty=True, extra="ignore")

    database_url: SecretStr = Field(description="postgresql://role:password@host:port/database, of this process's role")
    backup_dir: Path | None = Field(default=None, description="where `veilleur backup` writes and the doctor looks")
    journal_dir: Path | None = Field(
        default=None, description="where workers write down erasures before they begin; beside the backups, not in them"
    )


class Settings(DatabaseSettings):
    """Everything the API and the worker are told."""

    redis_url: SecretStr
    master_key: SecretStr = Field(description="base64 of 32 random bytes; seals the keys that seal data at rest")
    retired_master_keys: SecretStr | None = Field(
        default=None, description="earlier master keys, separated by commas, until `veilleur keys rewrap` is through"
    )
    operator_key: SecretStr | None = Field(
        default=None, description="bearer of /admin/v1; without it that door is shut"
    )
    environment: Literal["dev", "production"] = "production"

    host: str = "127.0.0.1"
    port: int = 8080
    admin_host: str = "127.0.0.1"
    admin_port: int = 8081
    base_url: str = Field(default="http://127.0.0.1:8080", description="as clients see it; also the token issuer")

    metrics_port: int | None = Field(
        default=None, description="where the worker tells its figures, on `admin_host`; off without"
    )
    stop_after_s: float = Field(
        default=3.0, ge=0, le=60, description="how long the API serves on, no longer ready, when it is told to stop"
    )

    otlp_url: str | None = Field(
        default=None, description="where traces go, OTLP over HTTP: http://collector:4318/v1/traces; nowhere without"
    )

    pool_size: int = Field(default=10, ge=1, le=100)
    intake_pool_size: int = Field(
        default=8, ge=1, le=100, description="connections of the API's for client platforms, beside `pool_size`"
    )
    backlog_cap: int = Field(
        default=100_000, ge=1, description="items of one client that may wait to be screened before it is told 429"
    )
    token_lifetime_s: int = Field(default=900, ge=60, le=86_400)
    egress_allow: Annotated[tuple[Network, ...], NoDecode] = ()
    smtp_url: SecretStr | None = Field(
        default=None, description="smtp://user:password@host:587 or smtps://…; without it nothing is sent by e-mail"
    )
    smtp_from: str = Field(default="veilleur@localhost", description="the sender of e-mails")
    log_format: Literal["console", "json"] = "json"

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    @field_validator("master_key")
    @classmethod
    def _check_master_key(cls, value: SecretStr) -> SecretStr:
        try:
            key = base64.b64decode(value.get_secret_value(), validate=True)
        except ValueError:
            key = b""
        if len(key) != 32 or len(set(key)) < 8:
            message = "must be base64 of 32 random bytes: openssl rand -base64 32"
            raise ValueError(message)
        return value

    @field_validator("operator_key")
    @classmethod
    def _check_operator_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 24:
            message = "must have at least 24 characters: openssl rand -hex 24"
            raise ValueError(message)
        return value

    @property
    def master_keys(self) -> tuple[str, ...]:
        """The one to seal with, then those that may still be met."""
        return list_master_keys(self.master_key, self.retired_master_keys)

    @cached_property
    def issuer(self) -> str:
        return self.base_url.rstrip("/")


class UnreadableSettingsError(CannotStart):
    """`mistakes`: the names of variables, each with what is wrong with its value, or None where it is missing."""

    def __init__(self, mistakes: Mapping[str, str | None]) -> None:
        self.mistakes = mistakes
        lines = (
            f"{name} is missing." if why is None else f"{name} can't be used: {why}" for name, why in mistakes.items()
        )
        super().__init__("\n".join(lines))


NOTHING: Mapping[str, Any] = {}


def read_settings(kind: type[S], given: Mapping[str, Any] = NOTHING) -> S:
    """What is given, else in the environment; `UnreadableSettingsError` names all that is wrong, and no value."""
    try:
        return kind(**given)
    except ValidationError as error:
        mistakes = {
            f"VEILLEUR_{'_'.join(str(part) for part in one['loc'])}".upper(): None
            if one["type"] == "missing"
            else one["msg"].removeprefix("Value error, ")
            for one in error.errors(include_input=False, include_url=False)
        }
    raise UnreadableSettingsError(mistakes)


def list_master_keys(current: SecretStr, retired: SecretStr | None) -> tuple[str, ...]:
    """`retired` is a list with commas."""
    earlier = "" if retired is None else retired.get_secret_value()
    return (current.get_secret_value(), *(key.strip() for key in earlier.split(",") if key.strip()))
