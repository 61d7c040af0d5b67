"""Quotas, as owners and operators set them and clients see them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from veilleur.domain.tenancy.quota import Limits

Count = Annotated[int, Field(ge=1, le=10**12)]


class QuotaIn(BaseModel):
    """What is left out is unlimited."""

    model_config = ConfigDict(extra="forbid", strict=True)

    items_per_s: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    burst: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="items that may come at once; one second's without it"
    )
    items_per_day: Count | None = Field(default=None, description="a day of the client's time zone")
    items_per_month: Count | None = None

    def to_limits(self) -> Limits:
        return Limits(self.items_per_s, self.burst, self.items_per_day, self.items_per_month)


class LimitsOut(BaseModel):
    items_per_s: int | None
    burst: int | None
    items_per_day: int | None
    items_per_month: int | None


class UsedOut(BaseModel):
    """As counted some seconds ago: for limits, never for bills."""

    day: int
    month: int
    beyond: int | None = Field(
        default=None, description="of the month's, those taken beyond a quota from a platform that can't wait"
    )


class QuotaOut(BaseModel):
    limits: LimitsOut
    used: UsedOut
