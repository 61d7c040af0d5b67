"""The operations of the documents, how one is tried with the ids of others, and what a refusal looks like."""

import re
from dataclasses import dataclass
from typing import Any

from tests.journeys.isolation.asked import Asked
from tests.journeys.isolation.households import NEVER_ANSWERED
from tests.journeys.isolation.ingest import INGEST
from tests.journeys.isolation.moderator import MODERATOR
from tests.journeys.isolation.owner import OWNER
from tests.journeys.isolation.tenants import Tenant
from tests.support.people import Caller
from veilleur_api.openapi import build_documents

AUDIENCES = {"ingest": INGEST, "moderator": MODERATOR, "owner": OWNER}


@dataclass(frozen=True)
class Operation:
    name: str
    audience: str
    method: str
    path: str
    takes_limit: bool

    @property
    def asked(self) -> Asked:
        return AUDIENCES[self.audience]

    @property
    def path_ids(self) -> list[str]:
        return [name for name in re.findall(r"{(\w+)}", self.path) if name != "version"]

    @property
    def by_path(self) -> bool:
        return bool(self.path_ids) and self.name not in self.asked.alone

    @property
    def lists(self) -> bool:
        """It reads, and everything it needs is in the credential."""
        apart = self.asked.look_ups | self.asked.alone.keys()
        return self.method == "GET" and not self.path_ids and self.name not in apart

    @property
    def list_query(self) -> str:
        return self.asked.list_queries.get(self.name, "?limit=200" if self.takes_limit else "")


def list_operations() -> list[Operation]:
    documents = build_documents()
    return [
        Operation(
            operation["operationId"],
            audience,
            method.upper(),
            path,
            any(one["name"] == "limit" for one in operation.get("parameters", ())),
        )
        for audience in AUDIENCES
        for path, operations in documents[audience]["paths"].items()
        for method, operation in operations.items()
    ]


OPERATIONS = list_operations()
BY_PATH = [one for one in OPERATIONS if one.by_path]
BY_BODY = [one for one in OPERATIONS if one.name in one.asked.body_ids]
BY_QUERY = [one for one in OPERATIONS if one.name in one.asked.query_ids]
LISTS = [one for one in OPERATIONS if one.lists]
named = {"ids": lambda one: getattr(one, "name", str(one))}


def caller_of(tenant: Tenant, audience: str) -> Caller:
    return {"ingest": tenant.homes[0].client.api, "moderator": tenant.moderator, "owner": tenant.agency.owner}[audience]


async def try_path(caller: Caller, operation: Operation, ids: dict[str, str]) -> Any:
    bodies = operation.asked.bodies
    body = bodies[operation.name]() if operation.name in bodies else None
    return await caller.ask(operation.method, operation.path.format(version=1, **ids), body)


def refuses(answer: Any, pointer: str | None = None) -> None:
    """404, or a 422 that names the field; and no word of what is there."""
    problem = answer.json()
    if pointer is not None and answer.status_code == 422:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    else:
        assert answer.status_code == 404, (answer.status_code, answer.text)
        assert problem["type"] == "urn:veilleur:problem:not-found"
    assert NEVER_ANSWERED not in answer.text
