"""Policies, actions and macros of a client."""

from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference

Verdict = Literal["allow", "restrict", "remove"]


class Policy(Tenanted):
    """A rule of the house that content may break."""

    __tablename__ = "policies"

    client_id: Mapped[UUID]
    code: Mapped[str]
    title: Mapped[str]
    titles: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")
    """The title in other languages, by language tag: what members read in theirs."""
    definition: Mapped[str] = mapped_column(default="")
    examples: Mapped[list[str]] = mapped_column(default=list)
    severity: Mapped[int] = mapped_column(default=1)
    """1 (a nuisance) to 5 (harms whoever reads it)."""
    default_actions: Mapped[list[str]] = mapped_column(default=list)
    clause: Mapped[str | None]
    """Of the client's terms, or of the law: what a statement of reasons refers to."""

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "code"),
        CheckConstraint("severity BETWEEN 1 AND 5", name="severity"),
    )


class Action(Tenanted):
    """Something the client's platform can do to an item or its author."""

    __tablename__ = "actions"

    client_id: Mapped[UUID]
    code: Mapped[str]
    title: Mapped[str]
    verdict: Mapped[str]
    """The least verdict that goes with it: a decision is at least as severe as each of its actions."""
    targets: Mapped[list[str]]
    needs_until: Mapped[bool] = mapped_column(default=False)
    undo: Mapped[str | None]

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "code"),
        CheckConstraint("verdict IN ('allow', 'restrict', 'remove')", name="verdict"),
    )


class Macro(Tenanted):
    """A saved reply to authors; a decision that names it is explained by it."""

    __tablename__ = "macros"

    client_id: Mapped[UUID]
    code: Mapped[str]
    title: Mapped[str]
    texts: Mapped[JsonObject]
    """The reply by language tag; `macros.py` says what may stand in it."""
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "code"),
    )
