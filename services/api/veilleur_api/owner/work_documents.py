"""Shapes of what the owner and leads arrange the work with: queues, routing."""

from typing import Annotated, Literal

from pydantic import Field

from veilleur.domain.catalogue.documents import Code, LanguageTag, Name
from veilleur.domain.sla.policy import Priority
from veilleur_api.owner.documents import Shape

Kind = Literal["post", "comment", "message", "review", "profile", "listing", "media", "account", "other"]
Skills = Annotated[list[Code], Field(max_length=50)]
Tier = Annotated[int, Field(ge=1, le=5)]


class QueueIn(Shape):
    """Who works here has all `skills`, speaks one of the `languages` (if any are named) and reaches the `tier`.

    `relax_percent`: below this share of the target left, skills that only a rule asks for are waived; 0 never.
    """

    code: Code
    name: Name
    lease_s: int = Field(default=600, ge=1, le=3_600)
    hold_cap_s: int = Field(default=3_600, ge=1, le=86_400)
    skills: Skills = Field(default_factory=list)
    languages: list[LanguageTag] = Field(default_factory=list, max_length=50)
    tier: Tier = 1
    relax_percent: int = Field(default=50, ge=0, le=100)


class QueuePatch(Shape):
    name: Name | None = None
    lease_s: int | None = Field(default=None, ge=1, le=3_600)
    hold_cap_s: int | None = Field(default=None, ge=1, le=86_400)
    skills: Skills | None = None
    languages: list[LanguageTag] | None = Field(default=None, max_length=50)
    tier: Tier | None = None
    relax_percent: int | None = Field(default=None, ge=0, le=100)


class RoutingConditions(Shape):
    """What a case must be, all at once; of each list one entry is enough. What is left out doesn't matter."""

    client: list[str] | None = Field(default=None, min_length=1, max_length=200)
    kind: list[Kind] | None = Field(default=None, min_length=1, max_length=9)
    language: list[LanguageTag] | None = Field(default=None, min_length=1, max_length=50)
    policy: list[Code] | None = Field(default=None, min_length=1, max_length=50)
    priority: list[Priority] | None = Field(default=None, min_length=1, max_length=4)
    tier: list[Tier] | None = Field(default=None, min_length=1, max_length=5)


class RoutingRuleIn(Shape):
    """`queue` is a code; `skills` are asked for beyond the queue's own, until time runs short."""

    name: Name
    when: RoutingConditions = Field(default_factory=RoutingConditions)
    queue: Code
    skills: Skills = Field(default_factory=list)


class RoutingRulesIn(Shape):
    """The whole list, in the order in which the rules are asked."""

    rules: list[RoutingRuleIn] = Field(max_length=500)


class RoutingPreviewIn(Shape):
    """A case as it might come. `queue` and `skills` are what a content rule names; `rules` are tried instead."""

    client: str
    kind: Kind = "other"
    language: LanguageTag | None = None
    policies: list[Code] = Field(default_factory=list, max_length=50)
    priority: Priority = "normal"
    tier: Tier = 1
    queue: Code | None = None
    skills: Skills = Field(default_factory=list)
    rules: list[RoutingRuleIn] | None = Field(default=None, max_length=500)
