"""Answers about shared lists."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel


class ListOut(BaseModel):
    """`client` None: it is the agency's."""

    id: str
    client: str | None
    code: str
    title: str
    kind: Literal["phrases", "domains", "hashes"]
    entries: int
    version: int
    digest: str
    created_at: datetime
    changed_at: datetime


class ListsOut(BaseModel):
    data: list[ListOut]
    next: str | None


class ListVersionOut(BaseModel):
    version: int
    digest: str
    note: str
    author: str
    created_at: datetime


class ListUserOut(BaseModel):
    """A rule set that is published, pending or in shadow."""

    client: str
    version: int
    state: str


class WholeListOut(ListOut):
    """`list` is what it held at `shown_version`; `versions` are the newest, newest first."""

    shown_version: int
    versions: list[ListVersionOut]
    used_by: list[ListUserOut]
    list: dict[str, Any]
