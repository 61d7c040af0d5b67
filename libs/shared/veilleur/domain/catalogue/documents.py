"""What a client's policies, actions and saved replies may say, wherever they are written; pure."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
LanguageTag = Annotated[str, Field(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$", max_length=35)]
Verdict = Literal["allow", "restrict", "remove"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PolicyIn(_Entry):
    code: Code
    title: Name
    titles: dict[LanguageTag, Name] = Field(default_factory=dict, max_length=50)
    """The title in other languages."""
    definition: Annotated[str, Field(max_length=10_000)] = ""
    examples: list[Annotated[str, Field(max_length=2_000)]] = Field(default_factory=list, max_length=50)
    severity: int = Field(default=1, ge=1, le=5)
    default_actions: list[Code] = Field(default_factory=list, max_length=10)
    clause: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Of the client's terms: what a statement of reasons refers to."""


class PolicyChangeIn(_Entry):
    """What is named is changed; a code stays what it is."""

    title: Name | None = None
    titles: dict[LanguageTag, Name] = Field(default_factory=dict, max_length=50)
    definition: Annotated[str, Field(max_length=10_000)] = ""
    examples: list[Annotated[str, Field(max_length=2_000)]] = Field(default_factory=list, max_length=50)
    severity: int = Field(default=1, ge=1, le=5)
    default_actions: list[Code] = Field(default_factory=list, max_length=10)
    clause: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class CatalogueActionIn(_Entry):
    code: Code
    title: Name
    verdict: Verdict
    targets: list[Literal["item", "author"]] = Field(min_length=1, max_length=2)
    needs_until: bool = False
    undo: Code | None = None


class MacroIn(_Entry):
    """A saved reply: `texts` by language tag, whose `{author}`, `{client}`, `{policies}` are filled in when sent."""

    code: Code
    title: Name
    texts: dict[LanguageTag, Annotated[str, Field(min_length=1, max_length=5_000)]] = Field(min_length=1, max_length=50)
