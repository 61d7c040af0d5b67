"""What the sections of a client's configuration may say; pure."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from veilleur.domain.outbox.announce import EventType
from veilleur.domain.sla.calendar_document import known_zones
from veilleur.kernel.messages import msg

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
LanguageTag = Annotated[str, Field(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$", max_length=35)]
ContactField = Literal["name", "role", "email", "phone", "note"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SettingsDoc(Shape):
    """`calendar` is an id, `queue` a code: both are the agency's."""

    time_zone: Annotated[str, Field(max_length=64)]
    languages: list[LanguageTag] = Field(max_length=50)
    interim: Literal["publish", "withhold"]
    calendar: str
    queue: str
    house_rules: Annotated[str, Field(max_length=20_000)] = ""
    tone: Annotated[str, Field(max_length=2_000)] = ""
    contacts: list[dict[ContactField, Annotated[str, Field(max_length=2_000)] | None]] = Field(
        default_factory=list, max_length=20
    )


class PolicyDoc(Shape):
    code: Code
    title: Name
    titles: dict[LanguageTag, Name] = Field(default_factory=dict, max_length=50)
    definition: Annotated[str, Field(max_length=10_000)] = ""
    examples: list[Annotated[str, Field(max_length=2_000)]] = Field(default_factory=list, max_length=50)
    severity: int = Field(default=1, ge=1, le=5)
    default_actions: list[Code] = Field(default_factory=list, max_length=10)
    clause: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class ActionDoc(Shape):
    code: Code
    title: Name
    verdict: Literal["allow", "restrict", "remove"]
    targets: list[Literal["item", "author"]] = Field(min_length=1, max_length=2)
    needs_until: bool = False
    undo: Code | None = None


class MacroDoc(Shape):
    code: Code
    title: Name
    texts: dict[LanguageTag, Annotated[str, Field(min_length=1, max_length=5_000)]] = Field(min_length=1, max_length=50)


class CallbacksDoc(Shape):
    """`events`: what every endpoint of the client is sent, `[]` all; null leaves each endpoint's own choice."""

    events: list[EventType] | None = None


SHAPES: dict[str, TypeAdapter[Any]] = {
    "settings": TypeAdapter(SettingsDoc),
    "policies": TypeAdapter(Annotated[list[PolicyDoc], Field(max_length=500)]),
    "actions": TypeAdapter(Annotated[list[ActionDoc], Field(max_length=200)]),
    "macros": TypeAdapter(Annotated[list[MacroDoc], Field(max_length=500)]),
    "callbacks": TypeAdapter(CallbacksDoc),
}


def is_zone(name: str) -> bool:
    return name in known_zones()


UNKNOWN_ZONE = msg("must be an IANA time zone, such as Europe/Paris")
