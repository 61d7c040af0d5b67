"""What the rules saw and answered: the table that decisions, cases and backtests look back into."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class StoredEvaluation(Tenanted):
    """One screening of one revision of an item, live or observed. Written once, never changed."""

    __tablename__ = "evaluations"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    item_revision: Mapped[int]
    rule_set_version: Mapped[int | None]
    """None where the client had no rule set: there is no `trace` then."""
    facts: Mapped[JsonObject]
    """What the item itself does not tell and the rules were given: `{"gathered": {name: value}}`, absent = unknown.

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
