"""The shape of an SLA policy in a configuration; pure. See `sla/policy.py` for what it means."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.errors import InputError

Texts = Annotated[list[Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=200)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class _Percent(_Shape):
    percent: int = Field(ge=1, le=99)


class _Before(_Shape):
    before_s: int = Field(ge=1, le=31_536_000)


class _Target(_Shape):
    seconds: int = Field(ge=1, le=31_536_000)
    time: Literal["business", "calendar"]
    pausable: bool = True
    warnings: list[_Percent | _Before] = Field(default_factory=list, max_length=10)


class _When(_Shape):
    priority: Annotated[list[Literal["low", "normal", "high", "urgent"]], Field(min_length=1)] | None = None
    queue: Texts | None = None
    kind: Texts | None = None
    source: Texts | None = None
    language: Texts | None = None
    report_source: Texts | None = None


class _Default(_Shape):
    name: Annotated[str, Field(min_length=1, max_length=64, alias="class")]
    decision: _Target
    escalation: _Target | None = None


class _Rule(_Default):
    when: _When


class _Policy(_Shape):
    rules: list[_Rule] = Field(max_length=100)
    default: _Default
    grace_s: int | None = Field(default=None, ge=0, le=31_536_000)


_POLICY: TypeAdapter[_Policy] = TypeAdapter(_Policy)


def check_sla(document: Any, pointer: str) -> list[InputError]:
    """Everything that is wrong with a policy document."""
    try:
        _POLICY.validate_python(document)
    except ValidationError as problem:
        return list(invalid_from_pydantic(problem.errors(), prefix=pointer, document=document).errors)
    return []
