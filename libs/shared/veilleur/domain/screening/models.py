"""What the rules saw and answered, and the state behind their stateful signals."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Tenanted, reference


class StoredEvaluation(Tenanted):
    """One screening of one revision of an item, live or observed. Written once, never changed."""

    __tablename__ = "evaluations"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    item_revision: Mapped[int]
    rule_set_version: Mapped[int | None]
    """None where the client had no rule set: there is no `trace` then."""
    facts: Mapped[JsonObject]
    """What the item itself does not tell and the rules were given: `{"gathered": {name: value}, "exhausted": [rules at
    their daily cap], "lists": {code of a shared list: its digest}}`, absent = unknown, none.

    With the revision's content and `evaluated_at` it replays the evaluation bit for bit.
    """
    trace: Mapped[JsonObject]
    outcome: Mapped[JsonObject]
    """What the rules alone would have: `{"verdict", …}` or `{"escalate": {…}}`."""
    evaluated_at: Mapped[datetime]
    shadow: Mapped[JsonObject | None]
    """What the version in shadow would have: `{"version", "kind", "rule", "fired": [rules], "actions": [codes]}`."""

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        Index("ix_evaluations_newest", "agency_id", "client_id", "evaluated_at", "id"),
        Index(None, "agency_id", "item_id"),
    )


class NearDupKey(Base):
    """A key that an item's text shares with its copies; one of the text itself, more where rules read fuzzy ones."""

    __tablename__ = "near_dup_keys"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    item_id: Mapped[UUID] = mapped_column(primary_key=True)

    # No foreign key to the item: a check for each of the rows written most, and whoever erases an item erases these.
    __table_args__ = (reference("client_id", "clients"), Index(None, "agency_id", "item_id"))


class RuleActs(Base):
    """How often a rule with a daily cap acted, by the day of the client's zone."""

    __tablename__ = "rule_acts"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    acts: Mapped[int]

    __table_args__ = (reference("client_id", "clients"),)
