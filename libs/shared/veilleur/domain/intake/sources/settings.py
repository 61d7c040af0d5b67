"""The base of every kind's settings."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """What an owner gives for a source of one kind; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
