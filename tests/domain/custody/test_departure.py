"""An agency leaves the installation: zero rows, proved by the catalogue; vouchers stay if nobody else has them."""

import pytest

from tests.domain.custody.canary import count_rows, find_canary
from tests.support.desk import ASK_RULES, Desk, open_desk, slug
from tests.support.invoicing import issue, set_up_seller, set_up_sold
from tests.support.people import Caller, Json, unique
from tests.support.world import OPERATOR_KEY
from veilleur.infra.db.session import NOBODY
from veilleur.infra.worklist import list_due_work
from veilleur_worker.drains import DRAINS, Drains


@pytest.fixture
async def desk(world):
    return await open_desk(world, ASK_RULES)


async def rows_of_agency(desk: Desk) -> dict[str, int]:
    return await count_rows(desk.world, desk.agency_id)


async def fill(desk: Desk, canary: str) -> None:
    await desk.client.add_endpoint("http://127.0.0.1:9/hook")
    await desk.client.accept(f"bad {canary}", author={"external_id": f"u-{canary}"})
    held = await desk.take_one(text=f"doubtful {canary}")
    assert (await desk.moderator.note(held, canary, "case")).status_code == 201
    assert (await desk.moderator.decide(held, "remove", policies=["spam"], explanation=canary)).status_code == 201
    await desk.receive(text=f"doubtful, waiting, {canary}")
    await desk.agency.add_moderator(name=f"Mo {canary}")
    assert await Drains(desk.world.worker).run("audit", desk.agency_id)


async def part(desk: Desk, documents: str, status: int = 202) -> Json:
    operator = Caller(desk.world.admin, OPERATOR_KEY)
    query = f"?documents={documents}&reason=contract%20ended"
    return await operator.call("DELETE", f"/admin/v1/agencies/{desk.agency.id}{query}", status=status)


async def receipt(desk: Desk) -> Json:
    operator = Caller(desk.world.admin, OPERATOR_KEY)
    return await operator.call("GET", f"/admin/v1/agencies/{desk.agency.id}/departure", status=200)


async def test_nothing_is_left_in_any_table_when_the_vouchers_were_handed_over(desk):
    canary = unique("canary")
    await fill(desk, canary)
    await desk.world.parts.gate.settle()
    before = await rows_of_agency(desk)
    assert len(before) > 25
    other = await open_desk(desk.world)
    others = await rows_of_agency(other)
    begun = await part(desk, "handed_over")
    assert begun["state"] == "running"
    assert await part(desk, "handed_over") == begun
    assert await Drains(desk.world.worker).run("erasure", desk.agency_id)
    assert await rows_of_agency(desk) == {}
    assert await find_canary(desk.world, canary) == {}
    done = await receipt(desk)
    assert (done["state"], done["kept"]) == ("finished", {})
    assert {table: done["erased"][table] for table in before} == before
    assert await rows_of_agency(other) == others
    slugs = [
        one["id"] for one in (await Caller(desk.world.admin, OPERATOR_KEY).call("GET", "/admin/v1/agencies"))["data"]
    ]
    assert desk.agency.id not in slugs


async def test_vouchers_stay_with_what_they_refer_to_and_name_nobody(desk):
    canary = unique("canary")
    await fill(desk, canary)
    usage = await desk.count("usage_records")
    await part(desk, "keep")
    assert await Drains(desk.world.worker).run("erasure", desk.agency_id)
    rows = await rows_of_agency(desk)
    assert rows["usage_records"] == usage > 0
    assert not {"items", "events", "decisions", "notes", "data_keys", "audit_entries"} & set(rows)
    assert await find_canary(desk.world, canary) == {}
    done = await receipt(desk)
    assert (done["state"], done["kept"]["usage_records"]) == ("finished", usage)


async def test_issued_invoices_stay_or_go_as_was_said(world):
    """Nothing else could touch them: they leave by the same door as the rest, and only through it."""
    for documents, left in (("keep", 1), ("handed_over", 0)):
        desk = await open_desk(world, ASK_RULES)
        await set_up_seller(desk.agency)
        await issue(await set_up_sold(world, desk.agency))
        await part(desk, documents)
        assert await Drains(world.worker).run("erasure", desk.agency_id)
        assert (await receipt(desk))["state"] == "finished"
        assert await desk.count("invoices") == left
    assert await rows_of_agency(desk) == {}


async def test_everybody_is_out_at_once(desk):
    await part(desk, "keep")
    desk.world.parts.lookups.forget()
    assert (await desk.agency.owner.ask("GET", "/owner/v1/clients")).status_code == 401
    assert (await desk.client.api.ask("GET", "/ingest/v1/me")).status_code == 401
    assert (await desk.client.send({"external_id": "c_1", "text": "late"})).status_code == 410


async def test_a_legal_hold_stands_in_the_way(desk):
    held = await desk.take_one(text="doubtful severe")
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    await desk.moderator.caller.call("POST", path, {"fence": held["fence"], "class": "csam"}, 200)
    assert slug(await part(desk, "keep", 409)) == "legal-hold"
    await desk.client.accept()


async def test_rows_leave_through_their_door_only_while_it_is_written_down(desk):
    await fill(desk, unique("canary"))
    for client in ("NULL", f"'{desk.agency_id}'"):
        with pytest.raises(Exception, match="no erasure allows this"):
            async with desk.world.worker.database.transaction(desk.scope) as session:
                await (await session.connection()).exec_driver_sql(f"SELECT erase_rows('items', {client}, 10)")


async def test_what_still_drains_afterwards_writes_nothing_back(desk):
    await fill(desk, unique("canary"))
    await part(desk, "handed_over")
    assert await Drains(desk.world.worker).run("erasure", desk.agency_id)
    await desk.world.fetch("INSERT INTO work_hints VALUES ($1, 'watch', now())", desk.agency_id)
    async with desk.world.worker.database.transaction(NOBODY) as session:
        assert desk.agency_id not in {agency for _, agency, _ in await list_due_work(session)}
    for kind in set(DRAINS) - {"watch"}:
        assert await Drains(desk.world.worker).run(kind, desk.agency_id)
    assert await rows_of_agency(desk) == {}
