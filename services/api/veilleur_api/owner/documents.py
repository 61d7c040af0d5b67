"""Shapes of the owner audience."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from veilleur.domain.catalogue.documents import Code, LanguageTag, Name
from veilleur.domain.intake.envelope import Timestamp
from veilleur.domain.outbox.announce import AgencyEventType
from veilleur.domain.screening.automation import Automation
from veilleur.domain.sla.calendar_document import known_zones
from veilleur.domain.tenancy.models import Role
from veilleur.kernel.messages import msg
from veilleur_api.words import Reason


def _require_zone(value: str) -> str:
    if value not in known_zones():
        raise ValueError(msg("must be an IANA time zone, such as Europe/Paris"))
    return value


Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_require_zone)]
_MAILTO = re.compile(r"mailto:[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$")]
ApplyTo = Literal["new_only", "open", "open_since"]
Mode = Literal["live", "test", "observe", "paused"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ClientIn(Shape):
    """`calendar` is the id of a calendar; without it the agency's first one counts."""

    slug: Slug
    name: Name
    time_zone: Zone
    languages: list[LanguageTag] = Field(default_factory=list, max_length=50)
    interim: Literal["publish", "withhold"] = "publish"
    calendar: str | None = None


class ContactIn(Shape):
    name: Name
    role: Name | None = None
    email: Email | None = None
    phone: Annotated[str, Field(max_length=64)] | None = None
    note: Annotated[str, Field(max_length=2_000)] | None = None


class ClientPatch(Shape):
    """`house_rules`, `tone` and `contacts` are for the moderators who speak for this client.

    `apply_to`: which open clocks count by another `calendar`; `share_sla`: tell of warnings and breaches;
    `guaranteed_slots`: how many of its cases may always be in hand at once; null for an equal part of all;
    `payload_days`: how long the bodies of its events are kept, which is `events` of its data policy;
    `default_severity`: how hard its content may be to look at where no policy is suspected.
    """

    name: Name | None = None
    time_zone: Zone | None = None
    languages: list[LanguageTag] | None = Field(default=None, max_length=50)
    interim: Literal["publish", "withhold"] | None = None
    calendar: str | None = None
    strike_days: int | None = Field(default=None, ge=1, le=3_650)
    default_severity: int | None = Field(default=None, ge=1, le=5)
    apply_to: ApplyTo = "new_only"
    open_since: str | None = None
    share_sla: bool | None = None
    blast_limit_percent: Annotated[float, Field(ge=0, le=100, strict=False)] | None = None
    guaranteed_slots: int | None = Field(default=None, ge=0, le=10_000)
    send_after_s: int | None = Field(default=None, ge=0, le=3_600)
    payload_days: int | None = Field(default=None, ge=1, le=30)
    house_rules: Annotated[str, Field(max_length=20_000)] | None = None
    tone: Annotated[str, Field(max_length=2_000)] | None = None
    contacts: list[ContactIn] | None = Field(default=None, max_length=20)


class SourceIn(Shape):
    """`settings` are those of the kind (`docs/guide/sources.md`); a secret left out is made for you where it may."""

    kind: Literal[
        "standard", "slack", "discord", "telegram", "discourse", "meta", "twitch", "mastodon", "x", "linkedin",
        "tiktok", "generic", "reddit", "youtube",
    ]  # fmt: skip
    name: Name
    mode: Mode = "live"
    settings: dict[str, Any] | None = None


class SourcePatch(Shape):
    """`settings` are those of the kind, all but the secret; what is left out stays as it is."""

    name: Name | None = None
    mode: Mode | None = None
    settings: dict[str, Any] | None = None


class PollIn(Shape):
    """What the platform of the source needs; unknown or missing fields are told.

    `discourse`: `url`, `api_key`, `username`, `review_queue`; `reddit`: `credentials` (`client_id`, `client_secret`,
    `refresh_token`) and `subreddit`; `youtube`: `credentials`, `channel_id`, `held`; all: `every_s`.
    """

    url: str | None = None
    username: str | None = None
    api_key: str | None = None
    review_queue: bool | None = None
    credentials: dict[str, Any] | None = None
    subreddit: str | None = None
    channel_id: str | None = None
    held: bool | None = None
    every_s: int | None = None


class SourceSecretIn(Shape):
    """The old secrets go on holding for `overlap_s` seconds."""

    secret: str | None = None
    overlap_s: int = Field(default=86_400, ge=0, le=2_592_000)


class AgencyEndpointIn(Shape):
    """`slack` is any chat that reads Slack's `{"text"}`; the `url` of `email` is `mailto:` and an address.

    `language` of the sentences; the request's own without it.
    """

    kind: Literal["standard", "slack", "email"]
    url: Annotated[str, Field(min_length=1, max_length=2_048)]
    events: list[AgencyEventType] | None = None
    language: Literal["en", "fr"] | None = None

    def is_mail_address(self) -> bool:
        return _MAILTO.fullmatch(self.url) is not None


class CredentialIn(Shape):
    kind: Literal["api_key", "oauth_client"]
    name: Name
    scopes: list[
        Literal["ingest:write", "items:read", "decisions:write", "endpoints:write", "billing:read", "erasure:write"]
    ] = Field(min_length=1)
    test: bool = False


class MacroOut(BaseModel):
    id: str
    code: str
    title: str
    texts: dict[str, str]


class MacrosOut(BaseModel):
    data: list[MacroOut]
    next: str | None


class AutomationIn(Shape):
    """`act`: rules decide; `advise`: people decide what rules would restrict or remove; `off`: rules are not asked."""

    mode: Automation
    reason: Reason


class ReversalFilterIn(Shape):
    """What rules decided for `client`: by a version, by rules (those that decided), from (inclusive) to (exclusive)."""

    client: str
    version: int | None = Field(default=None, ge=1, lt=2**31)
    rules: list[Annotated[str, Field(max_length=200)]] | None = Field(default=None, min_length=1, max_length=1_000)
    from_: Timestamp | None = Field(default=None, alias="from")
    to: Timestamp | None = None


class ReversalIn(Shape):
    filter: ReversalFilterIn
    dry_run: bool = False


class RuleSetIn(Shape):
    """`rule_set` is an object, or a text of YAML 1.2 or JSON: `docs/guide/rules.md`."""

    rule_set: dict[str, Any] | str
    note: Annotated[str, Field(max_length=2_000)] = ""


class ListChange(Shape):
    """`list` is what a rule set would write under `lists`: `{"kind": "phrases", "entries": […], …}`."""

    title: Name
    list: dict[str, Any]
    note: Annotated[str, Field(max_length=2_000)] = ""


class ListIn(ListChange):
    """Rule sets refer to it by its code: `{"kind": "shared", "list": code}`."""

    code: Code


class RuleCheckIn(Shape):
    """`client` gives the catalogue to check against; `rule_set` as in `docs/guide/rules.md`."""

    client: str | None = None
    rule_set: dict[str, Any] | str


class RulePreviewIn(RuleCheckIn):
    items: list[dict[str, Any]] = Field(min_length=1, max_length=200)


class MemberIn(Shape):
    email: Email
    name: Name
    roles: list[Role] = Field(min_length=1, max_length=5)
    languages: list[LanguageTag] = Field(default_factory=list, max_length=50)
    skills: list[Code] = Field(default_factory=list, max_length=50)
    clients: list[str] | Literal["all"] = Field(default_factory=list)
    capacity: int = Field(default=5, ge=1, le=50)
    tier: int = Field(default=1, ge=1, le=5)
    grade: Code | None = None
    """What the work is priced as (`junior`, `senior`) where a rate plan has prices by grade."""


class MemberPatch(Shape):
    name: Name | None = None
    roles: list[Role] | None = Field(default=None, min_length=1, max_length=5)
    languages: list[LanguageTag] | None = Field(default=None, max_length=50)
    skills: list[Code] | None = Field(default=None, max_length=50)
    clients: list[str] | Literal["all"] | None = None
    capacity: int | None = Field(default=None, ge=1, le=50)
    tier: int | None = Field(default=None, ge=1, le=5)
    grade: Code | None = None
    active: bool | None = None


class CalendarIn(Shape):
    """`calendar` is its JSON form: `docs/guide/sla.md`."""

    name: Name
    calendar: dict[str, Any]


class CalendarChange(CalendarIn):
    """`apply_to` says which open clocks of the clients that keep this calendar count by the new hours.

    The public holidays are those of the version before, unless `renew_holidays` takes what is known of them today.
    """

    apply_to: ApplyTo = "new_only"
    open_since: str | None = None
    renew_holidays: bool = False


class SlaPolicyIn(Shape):
    """`policy` as in `docs/guide/sla.md`.

    `apply_to` says which open clocks count by the new promises; `open_since` needs the instant `open_since`.
    """

    policy: dict[str, Any]
    note: Annotated[str, Field(max_length=2_000)] = ""
    apply_to: ApplyTo = "new_only"
    open_since: str | None = None


class CalendarPreviewIn(RootModel[dict[str, Any]]):
    """`{"calendar", "op", …}`: `add` and `clock_due` take `start` and `seconds`, `elapsed` `from` and `to`, `is_open`
    `at`, `next_periods` `from` and `count`, `clock_elapsed` `start` and `stop`; clocks take `pauses` too.
    """


class UsageRow(BaseModel):
    quantity: str
    meter: str | None = None
    client: str | None = None
    source: str | None = None
    day: date | None = None
    member: str | None = None


class UsageOut(BaseModel):
    data: list[UsageRow]
    # `from` is a keyword of Python
    from_: date = Field(alias="from")
    to: date
    time_zone: str
