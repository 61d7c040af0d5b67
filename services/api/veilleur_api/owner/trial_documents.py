"""Shapes of trials: backtests, rollbacks, tuning."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, model_validator

from veilleur.domain.trials.backtests import DEFAULT_ITEMS, MAX_ITEMS
from veilleur.kernel.messages import msg
from veilleur_api.owner.documents import Shape
from veilleur_api.words import Reason

Aim = Annotated[float, Field(gt=0, le=1, strict=False)]
Instant = Annotated[datetime, Field(strict=False)]


LABELLED = Field(
    default=None,
    description="`[{item, label}]`, or the same as JSON lines in one text; a label is allow, restrict or remove.",
)


class BacktestIn(Shape):
    """The newest `items` of what was screened, or what was screened between `from` and `to`, or labelled items."""

    items: int = Field(default=DEFAULT_ITEMS, ge=1, le=MAX_ITEMS)
    # `from` is a keyword of Python
    from_: Instant | None = Field(default=None, alias="from")
    to: Instant | None = None
    labelled: list[dict[str, Any]] | str | None = LABELLED

    @model_validator(mode="after")
    def _check_span(self) -> "BacktestIn":
        for instant in (self.from_, self.to):
            if instant is not None and instant.tzinfo is None:
                raise ValueError(msg("needs a time zone, such as 2026-11-22T10:00:00Z"))
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise ValueError(msg("`from` must be before `to`"))
        if self.labelled is not None and self.model_fields_set - {"labelled"}:
            raise ValueError(msg("labelled items stand alone: leave out `items`, `from` and `to`"))
        return self


class RollbackIn(Shape):
    """Without `to`, the version that was in force before the present one."""

    to: int | None = Field(default=None, ge=1, lt=2**31)
    reason: Reason


class TargetIn(Shape):
    precision: Aim | None = None
    recall: Aim | None = None


class TuneIn(Shape):
    """Without `labelled`, what people have decided about this client's items counts."""

    param: Annotated[str, Field(min_length=1, max_length=64)]
    labelled: list[dict[str, Any]] | str | None = LABELLED
    target: TargetIn = Field(default_factory=lambda: TargetIn(precision=0.95))
