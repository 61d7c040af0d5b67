"""A client leaves: doors shut at once, open questions ended, an archive that is whole, and after the term nothing left."""

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.domain.custody.canary import find_canary
from tests.domain.custody.leaving import leave, look, work
from tests.support.billing import sign
from tests.support.desk import ASK_RULES, Desk, open_desk, slug
from tests.support.people import unique
from veilleur.domain.custody import archive
from veilleur.domain.custody.offboard import find_start
from veilleur.kernel.ids import read_id


@pytest.fixture
async def desk(world):
    return await open_desk(world, ASK_RULES)


def test_its_day_begins_at_midnight_of_its_own_zone_and_never_in_the_past():
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    tomorrow = find_start(now.date() + timedelta(days=1), "Europe/Paris", now)
    assert tomorrow == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert find_start(now.date(), "Europe/Paris", now) == find_start(None, "Europe/Paris", now) == now


async def test_from_its_day_on_nothing_comes_in_and_no_key_opens_anything(desk):
    row = await leave(desk)
    assert row["state"] == "closing"
    assert row["progress"] == {"sources_closed": 1, "keys_revoked": 1}
    desk.world.parts.lookups.forget()
    refused = await desk.client.send({"external_id": "c_1", "text": "late"})
    assert (refused.status_code, slug(refused)) == (410, "source-closed")
    assert (await desk.client.api.ask("GET", "/ingest/v1/me")).status_code == 401
    owner = desk.agency.owner
    key = {"kind": "api_key", "name": "again", "scopes": ["items:read"]}
    for method, path, body in (
        ("POST", "/offboard", {"mode": "finish"}),
        ("POST", "/sources", {"kind": "standard", "name": "again"}),
        ("PATCH", f"/sources/{desk.client.source['id']}", {"mode": "live"}),
        ("POST", "/credentials", key),
    ):
        assert slug(await owner.ask(method, desk.client.base + path, body)) == "offboarding-open", path


async def test_a_departure_in_the_past_or_without_time_for_the_archive_is_refused(desk):
    """One slip of the hand would revoke every key, or erase a client whose archive nobody has."""
    refused = await desk.agency.owner.ask(
        "POST", f"{desk.client.base}/offboard", {"mode": "return", "on": "2020-01-01", "term_days": 0}
    )
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/on", "/term_days"]
    assert await desk.count("offboardings") == 0
    await desk.client.accept()


async def test_who_asks_again_is_told_which_departure_is_under_way_and_all_are_listed(desk):
    path = f"{desk.client.base}/offboarding"
    first = await leave(desk, on="2099-01-01")
    refused = await desk.agency.owner.ask("POST", f"{desk.client.base}/offboard", {"mode": "finish"})
    assert first["id"] in refused.json()["detail"]
    await desk.agency.owner.call("POST", f"{path}/{first['id']}/cancel", status=200)
    second = await leave(desk, on="2099-01-01")
    listed = await desk.agency.owner.call("GET", path)
    assert [(row["id"], row["state"]) for row in listed["data"]] == [
        (first["id"], "cancelled"),
        (second["id"], "scheduled"),
    ]


async def test_what_is_planned_for_later_changes_nothing_until_then(desk):
    row = await leave(desk, on="2099-01-01")
    await work(desk)
    assert (await look(desk, row))["state"] == "scheduled"
    await desk.client.accept()
    await desk.world.move_clock(datetime(2099, 1, 2, tzinfo=UTC) - datetime.now(UTC))
    await work(desk)
    assert (await look(desk, row))["state"] != "scheduled"


async def test_moderators_finish_what_is_open_and_only_then_the_term_begins(desk):
    held = await desk.take_one(text="doubtful")
    row = await leave(desk)
    await work(desk)
    seen = await look(desk, row)
    assert (seen["state"], seen["progress"]["open_cases"]) == ("closing", 1)
    assert (await desk.moderator.decide(held)).status_code == 201
    await work(desk)
    seen = await look(desk, row)
    assert (seen["state"], seen["progress"]["open_cases"]) == ("waiting", 0)
    assert seen["erase_at"] is not None


async def test_open_cases_are_returned_undecided_and_the_client_is_told(desk):
    await desk.client.add_endpoint("http://127.0.0.1:9/hook")
    [item_id] = await desk.receive(text="doubtful")
    row = await leave(desk, mode="return")
    await work(desk)
    seen = await look(desk, row)
    assert (seen["state"], seen["progress"]["returned"]) == ("waiting", 1)
    [event] = await desk.fetch("SELECT body FROM events WHERE agency_id = $1 AND type = 'case.returned'")
    data = json.loads(event["body"])["data"]
    assert (data["item"]["id"], data["interim"]) == (item_id, "publish")
    assert await desk.count("sla_clocks", "state = 'running'") == 0


async def test_the_contract_ends_with_the_work(desk):
    await sign(desk.client)
    row = await leave(desk, mode="return")
    await work(desk)
    seen = await look(desk, row)
    tomorrow = (datetime.now(ZoneInfo("Europe/Paris")) + timedelta(days=1)).date().isoformat()
    assert seen["progress"]["contract"] == {"ends_on": tomorrow}
    [contract] = (await desk.agency.owner.call("GET", f"{desk.client.base}/contracts"))["data"]
    assert contract["ends_on"] == tomorrow


async def test_it_can_be_called_off_until_the_term_is_over(desk):
    row = await leave(desk)
    await work(desk)
    path = f"{desk.client.base}/offboarding/{row['id']}/cancel"
    cancelled = await desk.agency.owner.call("POST", path, status=200)
    assert (cancelled["state"], cancelled["erase_at"]) == ("cancelled", None)
    desk.world.parts.lookups.forget()
    await desk.client.accept()
    assert slug(await desk.agency.owner.ask("POST", path)) == "offboarding-over"
    await desk.world.move_clock(timedelta(days=60))
    await work(desk)
    assert await desk.count("items") == 1
    await leave(desk)


async def test_the_archive_holds_every_row_with_hashes_and_no_secret_and_it_is_noted_who_took_it(desk, monkeypatch):
    monkeypatch.setattr(archive, "PAGE", 2)
    canary = unique("canary")
    for number in range(5):
        await desk.client.accept(f"text {number} {canary}")
    held = await desk.take_one(text="doubtful")
    assert (await desk.moderator.decide(held, "remove", policies=["spam"], note="inside")).status_code == 201
    row = await leave(desk)
    path = f"{desk.client.base}/offboarding/{row['id']}/archive"
    assert (await desk.agency.owner.ask("GET", path)).status_code == 409
    await work(desk)
    answer = await desk.agency.owner.ask("GET", path)
    assert answer.status_code == 200
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}
    manifest = json.loads(files.pop("manifest.json"))
    assert {one["name"]: one["sha256"] for one in manifest["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    read = [(name, json.loads(line)) for name, content in files.items() for line in content.splitlines()]
    items = [row for name, row in read if name.startswith("client/items/")]
    assert sum(canary in row["body"]["text"] for row in items) == 5
    [told] = [row for name, row in read if name.startswith("client/decisions/") and row["verdict"] == "remove"]
    [kept] = [row for name, row in read if name.startswith("agency/decisions/") and row["verdict"] == "remove"]
    assert "note" not in told
    assert kept["note"] == "inside"
    for table in ("source_secrets", "credentials", "data_keys"):
        assert not [name for name in files if f"/{table}/" in name]
    for table in ("items", "decisions", "events", "usage_records"):
        stored = await desk.count(table, f"client_id = '{read_id('cli', desk.client.id)}'")
        assert len([name for name, _ in read if name.startswith(f"client/{table}/")]) == stored > 0, table
    [entry] = (await desk.agency.owner.call("GET", "/owner/v1/audit?action=archive.read"))["data"]
    assert entry["subject"] == row["id"]


async def test_after_the_term_nothing_is_left_of_the_client_but_vouchers(desk):
    canary = unique("canary")
    other = await desk.agency.add_client(ASK_RULES)
    await desk.receive(client=other, text=f"bad {canary}-other")
    await desk.client.accept(f"bad {canary}", author={"external_id": f"u-{canary}"})
    held = await desk.take_one(text=f"doubtful {canary}")
    assert (await desk.moderator.note(held, canary, "case")).status_code == 201
    assert (await desk.moderator.decide(held, "remove", policies=["spam"], explanation=canary)).status_code == 201
    await desk.agency.owner.call("PATCH", desk.client.base, {"house_rules": f"ask {canary}"})
    row = await leave(desk, term_days=1)
    await work(desk)
    [before] = await desk.fetch("SELECT count(*) AS rows FROM usage_records WHERE agency_id = $1")
    await desk.world.parts.gate.settle()
    await desk.world.move_clock(timedelta(days=2))
    await work(desk)
    seen = await look(desk, row)
    assert seen["state"] == "finished"
    assert seen["erasure"]["erased"]["items"] == 2
    assert set(await find_canary(desk.world, canary)) == {"items.body"}
    [left] = await desk.fetch("SELECT body FROM items WHERE agency_id = $1")
    assert f"{canary}-other" in left["body"]
    rows = await rows_of_client(desk)
    assert set(rows) <= {"usage_records", "usage_sums", "audit_entries", "erasures", "offboardings"}
    [after] = await desk.fetch("SELECT count(*) AS rows FROM usage_records WHERE agency_id = $1")
    assert after["rows"] == before["rows"] > 0


async def test_a_legal_hold_outlives_the_client(desk):
    held = await desk.take_one(text="doubtful severe")
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    await desk.moderator.caller.call("POST", path, {"fence": held["fence"], "class": "csam"}, 200)
    await desk.receive(text="bad")
    row = await leave(desk, term_days=0, waive_archive=True)
    await work(desk)
    seen = await look(desk, row)
    assert seen["state"] == "erasing"
    assert (await desk.count("items"), await desk.count("cases"), await desk.count("legal_holds")) == (1, 1, 1)
    [hold] = (await desk.agency.owner.call("GET", "/owner/v1/legal-holds"))["data"]
    await desk.agency.owner.call("POST", f"/owner/v1/legal-holds/{hold['id']}/lift", {"reason": "judge"}, 200)
    await work(desk)
    assert (await look(desk, row))["state"] == "finished"
    assert await desk.count("items") == 0


async def rows_of_client(desk: Desk) -> dict[str, int]:
    """Every table that names clients, as the catalogue has them."""
    tables = await desk.world.fetch(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'client_id'"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    )
    assert len(tables) > 30
    counts = [
        f"SELECT '{one['name']}' AS name, count(*) AS rows FROM {one['name']} WHERE client_id = $1" for one in tables
    ]
    found = await desk.world.fetch(" UNION ALL ".join(counts), read_id("cli", desk.client.id))
    return {row["name"]: row["rows"] for row in found if row["rows"]}
