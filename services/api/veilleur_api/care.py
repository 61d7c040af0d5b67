"""The shapes of care: what an owner limits, what moderators choose for themselves."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from veilleur.domain.review.wellbeing import Care

Cap = Annotated[int, Field(ge=0, le=10_000)]
PolicyCode = Annotated[str, Field(min_length=1, max_length=64)]


class LimitsIn(BaseModel):
    """Left out is what holds above, null is no limit. `severe_from`: from which severity of a policy on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    severe_from: int = Field(default=4, ge=1, le=5)
    severe_per_hour: Cap | None = None
    severe_per_shift: Cap | None = None
    severe_in_a_row: Cap | None = None
    break_after_min: int | None = Field(default=None, ge=1, le=1_440)
    break_min: int = Field(default=10, ge=1, le=240)


class CareIn(BaseModel):
    """`limits` replaces the limits that were set here, and null clears them; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    limits: LimitsIn | None = None
    blur: bool | None = None
    opt_outs: list[PolicyCode] | None = Field(default=None, max_length=100)


class OwnCareIn(BaseModel):
    """Whether images are blurred at first, and policies I do not want to be handed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    blur: bool | None = None
    opt_outs: list[PolicyCode] | None = Field(default=None, max_length=100)


class CareOut(BaseModel):
    """What holds now."""

    limits: LimitsIn
    blur: bool
    opt_outs: list[str]


def describe_care(care: Care) -> dict[str, Any]:
    return {"limits": asdict(care.limits), "blur": care.blur, "opt_outs": sorted(care.opt_outs)}
