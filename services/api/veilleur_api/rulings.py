"""The shape of a ruling, which moderators and clients send alike."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.intake.envelope import Timestamp

Words = Annotated[str, Field(max_length=10_000)]


class ActionIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    code: Annotated[str, Field(min_length=1, max_length=64)]
    target: Literal["item", "author"] = "item"
    until: Timestamp | None = None
    text: Words | None = None
    params: dict[str, Any] | None = None


class RulingIn(BaseModel):
    """A verdict with the actions and policies of the client's catalogue."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: Literal["allow", "restrict", "remove"]
    actions: list[ActionIn] = Field(default_factory=list, max_length=20)
    policies: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=20)

    def to_ruling(self) -> Ruling:
        actions = [action.model_dump(mode="json", exclude_none=True) for action in self.actions]
        return Ruling(self.verdict, tuple(actions), tuple(self.policies))
