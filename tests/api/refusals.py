"""What every refusal looks like, checked in one place."""

from typing import Any

import httpx

from tests.support.people import Client, Json
from tests.support.world import World
from veilleur.kernel.ids import read_id


def read_problem(answer: httpx.Response, status: int, slug: str) -> Json:
    """The problem document of a refusal, its RFC 9457 shape checked."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Json = answer.json()
    assert problem["type"] == f"urn:veilleur:problem:{slug}", problem
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == answer.request.url.path
    assert set(problem) <= {"type", "title", "status", "detail", "instance", "errors", "item"}
    for error in problem.get("errors", []):
        assert {"pointer", "detail"} <= set(error) <= {"pointer", "detail", "hint", "line", "column"}
        assert error["detail"]
    return problem


def read_pointers(answer: httpx.Response, status: int, slug: str) -> list[str]:
    """Where the mistakes are, in the order they are told, each once."""
    errors = read_problem(answer, status, slug)["errors"]
    return list(dict.fromkeys(error["pointer"] for error in errors))


async def count_stored(world: World, client: Client) -> tuple[int, int, int]:
    """Items, webhook receipts and usage records of a client's source, as an administrator sees them."""
    [row] = await world.fetch(
        """SELECT (SELECT count(*) FROM items WHERE source_id = $1),
                  (SELECT count(*) FROM webhook_receipts WHERE source_id = $1),
                  (SELECT count(*) FROM usage_records WHERE source_id = $1)""",
        read_id("src", client.source["id"]),
    )
    return row[0], row[1], row[2]


NOTHING = (0, 0, 0)


def receipts_of(answer: httpx.Response) -> list[tuple[Any, ...]]:
    """`(status, revision)` of every receipt of a 202."""
    assert answer.status_code == 202, answer.text
    return [(receipt["status"], receipt["revision"]) for receipt in answer.json()["items"]]
