"""A client that leaves, over HTTP, and the worker's part in it."""

from tests.support.desk import Desk
from tests.support.people import Json
from veilleur_worker.drains import Drains


async def leave(desk: Desk, status: int = 202, **how) -> Json:
    body = {"mode": "finish", "term_days": 30} | how
    return await desk.agency.owner.call("POST", f"{desk.client.base}/offboard", body, status)


async def look(desk: Desk, row: Json) -> Json:
    return await desk.agency.owner.call("GET", f"{desk.client.base}/offboarding/{row['id']}", status=200)


async def work(desk: Desk) -> None:
    drains = Drains(desk.world.worker)
    for kind in ("screening", "offboarding", "offboarding", "erasure", "offboarding"):
        assert await drains.run(kind, desk.agency_id)
