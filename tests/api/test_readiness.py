"""What `/readyz` says: ready, degraded, unready, and why."""

import base64
import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support.desk import ASK_RULES, open_desk
from tests.support.receiver import open_mute_server
from veilleur.infra.db.session import NOBODY
from veilleur.infra.doorbell import ArqBell
from veilleur.infra.heartbeat import DEAD_AFTER_S, Pulse, WorkerSeen, list_workers
from veilleur.infra.security.sealing import Sealer
from veilleur_api.measure import Measurer
from veilleur_api.readiness import LATE_S, Signs, judge_signs, look


def worker_of(age_s=0.0):
    return WorkerSeen("host", 1, "0100", datetime(2026, 11, 22, tzinfo=UTC), age_s)


WELL = Signs("0100", "0099", "0100", has_keys=True, redis=True, workers=[worker_of()])


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({}, []),
        ({"revision": None}, ["schema!"]),
        ({"revision": "0099"}, ["schema!"]),
        ({"revision": "0101", "serves_from": "0100"}, []),
        ({"revision": "0101", "serves_from": "0101"}, ["schema!"]),
        ({"revision": "0101", "serves_from": None}, ["schema!"]),
        ({"has_keys": False}, ["keys!"]),
        ({"redis": False}, ["redis"]),
        ({"workers": []}, ["workers"]),
        ({"workers": [worker_of(DEAD_AFTER_S)]}, ["workers"]),
        ({"workers": [worker_of(DEAD_AFTER_S), worker_of(1)]}, []),
        ({"late": {"screening": LATE_S}}, []),
        ({"late": {"screening": LATE_S + 1, "feed": 900.0}}, ["work"]),
        ({"has_keys": False, "redis": False, "workers": []}, ["keys!", "redis", "workers"]),
    ],
)
def test_every_sign_has_its_reason(change, parts):
    assert [one.part + "!" * one.fatal for one in judge_signs(replace(WELL, **change))] == parts


def test_the_reason_names_what_is_latest():
    [reason] = judge_signs(replace(WELL, late={"screening": 61.0, "feed": 900.0}))
    assert reason.detail.render("fr") == "Le travail de type feed a 900 s de retard"


@pytest.fixture
async def at_work(world):
    """A worker has looked."""
    world.worker.pulse._beat_at = float("-inf")
    await world.drain()


async def test_with_everything_in_place_it_is_ready(world, at_work):
    answer = await world.http.get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["reasons"]) == (200, "ready", [])
    assert answer.json()["schema"] >= "0023"


async def test_without_redis_it_is_degraded_within_the_time_of_a_ring(world, at_work):
    async with open_mute_server() as port:
        bell = ArqBell(f"redis://127.0.0.1:{port}")
        readiness = await look(replace(world.parts, bell=bell))
        await bell.close()
    assert (readiness.status, [one.part for one in readiness.reasons]) == ("degraded", ["redis"])


async def test_with_another_master_key_it_is_unready(world, at_work):
    sealer = Sealer.from_master_key(base64.b64encode(secrets.token_bytes(32)).decode())
    readiness = await look(replace(world.parts, sealer=sealer))
    assert (readiness.status, [one.part for one in readiness.reasons]) == ("unready", ["keys"])


async def test_a_worker_that_ended_in_order_is_gone_at_once(world):
    pulse = Pulse()
    async with world.worker.database.transaction(NOBODY) as session:
        await pulse.beat(session)
        with_it = await list_workers(session)
        await pulse.leave(session)
        without = await list_workers(session)
    assert len(with_it) == len(without) + 1
    assert with_it[0].alive


async def test_work_that_no_sweep_empties_is_late(world, at_work):
    """An agency whose drain fails: its hint stays."""
    desk = await open_desk(world, ASK_RULES)
    await world.fetch("INSERT INTO work_hints VALUES ($1, 'rates', app_now() - interval '1 hour')", desk.agency_id)
    readiness = await look(world.parts)
    assert (readiness.status, [one.part for one in readiness.reasons]) == ("degraded", ["work"])
    await world.drain()
    assert (await look(world.parts)).status == "ready"


async def test_what_waits_in_all_agencies_is_added_up_under_their_own_walls(world):
    desks = [await open_desk(world, ASK_RULES) for _ in range(3)]
    await world.drain()
    before = await read_figures(world)
    for desk in desks:
        await desk.client.accept()
    after = await read_figures(world)
    assert after["veilleur_backlog_items"] == before["veilleur_backlog_items"] + 3
    assert after["veilleur_agencies_unmeasured"] == 0
    assert after["veilleur_measured"] == 1
    assert after['veilleur_intake_items_total{status="accepted"}'] >= 3
    await world.drain()
    assert (await read_figures(world))["veilleur_backlog_items"] == 0


async def test_refusals_are_counted_by_their_kind_and_name_nobody(world):
    await world.http.get("/owner/v1/clients")
    figures = await read_figures(world)
    assert figures['veilleur_refusals_total{audience="owner",problem="unauthenticated",status="401"}'] >= 1


async def read_figures(world):
    world.parts.measurer._measured_at = float("-inf")
    text = (await world.admin.get("/metrics")).text
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_a_measurement_serves_everybody_for_a_while(world):
    measurer = Measurer()
    await measurer.refresh(world.parts.database)
    with world.count_statements() as sent:
        await measurer.refresh(world.parts.database)
    assert sent == []
