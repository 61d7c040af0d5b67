"""What the sections of a client's configuration may say; pure."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from veilleur.domain.catalogue.documents import CatalogueActionIn, LanguageTag, MacroIn, PolicyIn
from veilleur.domain.outbox.announce import EventType
from veilleur.domain.sla.calendar_document import known_zones
from veilleur.kernel.messages import msg

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


class CallbacksDoc(Shape):
    """`events`: what every endpoint of the client is sent, `[]` all; null leaves each endpoint's own choice."""

    events: list[EventType] | None = None


SHAPES: dict[str, TypeAdapter[Any]] = {
    "settings": TypeAdapter(SettingsDoc),
    "policies": TypeAdapter(Annotated[list[PolicyIn], Field(max_length=500)]),
    "actions": TypeAdapter(Annotated[list[CatalogueActionIn], Field(max_length=200)]),
    "macros": TypeAdapter(Annotated[list[MacroIn], Field(max_length=500)]),
    "callbacks": TypeAdapter(CallbacksDoc),
}


def is_zone(name: str) -> bool:
    return name in known_zones()


UNKNOWN_ZONE = msg("must be an IANA time zone, such as Europe/Paris")
