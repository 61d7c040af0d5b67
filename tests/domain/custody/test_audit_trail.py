"""The trail under somebody who may do everything in the database, and lacks the master key."""

import base64
import json
import os

import pytest

from tests.support.desk import Desk, open_desk
from veilleur.commands.audit import explain
from veilleur.domain.audit.merkle import hash_entry
from veilleur.domain.audit.models import AuditEntry
from veilleur.domain.audit.queries import to_entry
from veilleur.domain.custody.verify_audit import verify_trail
from veilleur.infra.security.sealing import Sealer
from veilleur.kernel.ids import read_id, show_id
from veilleur_worker.drains import Drains

FORCE = "SET session_replication_role = replica; "
"""What an administrator does about triggers and foreign keys."""


async def seal(desk: Desk) -> None:
    assert await Drains(desk.world.worker).run("audit", desk.agency_id)


async def check(desk: Desk, heads=None):
    world = desk.world
    return await verify_trail(world.parts.database, world.parts.sealer, desk.agency_id, heads)


async def tamper(desk: Desk, statement: str) -> None:
    await desk.world.fetch("DO $$ BEGIN " + FORCE + statement.replace("$1", f"'{desk.agency_id}'") + "; END $$")


@pytest.fixture
async def desk(world):
    """Three seals: the agency and its people, then changes of the client in two goes."""
    desk = await open_desk(world)
    await seal(desk)
    for number in range(6):
        await desk.agency.owner.call("PATCH", desk.client.base, {"name": f"Name {number}"})
        if number == 2:
            await seal(desk)
    await seal(desk)
    return desk


async def entry_at(desk: Desk, place: int):
    query = "SELECT entry_id FROM audit_places WHERE agency_id = $1 AND place = $2"
    [row] = await desk.world.fetch(query, desk.agency_id, place)
    return row["entry_id"]


async def test_what_nobody_touched_holds_and_every_entry_has_its_place(desk):
    verified = await check(desk)
    assert verified.finding is None
    assert (verified.seals, verified.unsealed) == (3, 0)
    assert verified.entries == await desk.count("audit_entries") > 6
    assert explain(verified).startswith("holds: ")


async def test_sealing_again_without_anything_new_makes_no_seal(desk):
    await seal(desk)
    assert await desk.count("audit_seals") == 3


async def test_an_edited_row_is_named(desk):
    bad = await entry_at(desk, 4)
    await tamper(desk, f"UPDATE audit_entries SET actor = 'mem_other' WHERE agency_id = $1 AND id = '{bad}'")
    verified = await check(desk)
    assert (verified.finding.flaw, verified.finding.place, verified.finding.entry_id) == ("edited", 4, bad)
    assert show_id("aud", bad) in explain(verified)


async def test_a_deleted_row_is_named(desk):
    bad = await entry_at(desk, 5)
    await tamper(desk, f"DELETE FROM audit_entries WHERE agency_id = $1 AND id = '{bad}'")
    finding = (await check(desk)).finding
    assert (finding.flaw, finding.place, finding.entry_id) == ("deleted", 5, bad)
    await tamper(desk, f"DELETE FROM audit_places WHERE agency_id = $1 AND entry_id = '{bad}'")
    assert (await check(desk)).finding.flaw == "place_missing"


async def test_rows_that_changed_places_are_named(desk):
    [row] = await desk.fetch("SELECT last_place FROM audit_seals WHERE agency_id = $1 AND number = 3")
    last = row["last_place"]
    one, other = await entry_at(desk, last - 1), await entry_at(desk, last)
    await tamper(
        desk,
        "ALTER TABLE audit_places DROP CONSTRAINT uq_audit_places_agency_id_entry_id; "
        "UPDATE audit_places p SET entry_id = q.entry_id, leaf = q.leaf FROM audit_places q WHERE p.agency_id = $1"
        f" AND q.agency_id = $1 AND (p.place, q.place) IN (({last - 1}, {last}), ({last}, {last - 1})); "
        "ALTER TABLE audit_places ADD CONSTRAINT uq_audit_places_agency_id_entry_id UNIQUE (agency_id, entry_id)",
    )
    assert (await entry_at(desk, last), await entry_at(desk, last - 1)) == (one, other)
    finding = (await check(desk)).finding
    assert (finding.flaw, finding.place, finding.entry_id) == ("reordered", last, one)


async def test_a_row_rewritten_together_with_its_hash_breaks_the_root(desk):
    bad = await entry_at(desk, 2)
    await tamper(desk, f"UPDATE audit_entries SET actor = 'mem_other' WHERE agency_id = $1 AND id = '{bad}'")
    async with desk.world.parts.database.transaction(desk.scope) as session:
        leaf = hash_entry(to_entry(await session.get_one(AuditEntry, (desk.agency_id, bad)))).hex()
    await tamper(desk, f"UPDATE audit_places SET leaf = decode('{leaf}', 'hex') WHERE agency_id = $1 AND place = 2")
    finding = (await check(desk)).finding
    assert (finding.flaw, finding.seal) == ("root", 1)


async def test_a_tail_cut_off_with_its_seals_is_told_by_a_head_kept_elsewhere(desk):
    heads = (await desk.agency.owner.call("GET", "/owner/v1/audit/heads"))["data"]
    newest = {heads[0]["number"]: heads[0]["root"]}
    assert (await check(desk, newest)).finding is None
    await tamper(
        desk,
        "DELETE FROM audit_entries e USING audit_places p, audit_seals s WHERE e.agency_id = $1 AND p.agency_id = $1"
        " AND s.agency_id = $1 AND s.number = 3 AND p.entry_id = e.id AND p.place >= s.first_place; "
        "DELETE FROM audit_places p USING audit_seals s WHERE p.agency_id = $1 AND s.agency_id = $1 AND s.number = 3"
        " AND p.place >= s.first_place; DELETE FROM audit_seals WHERE agency_id = $1 AND number = 3",
    )
    finding = (await check(desk, newest)).finding
    assert (finding.flaw, finding.seal) == ("tail_cut", 3)
    await desk.agency.owner.call("PATCH", desk.client.base, {"name": "After"})
    await seal(desk)
    finding = (await check(desk, newest)).finding
    assert (finding.flaw, finding.seal) == ("root", 3)


async def test_a_seal_forged_with_a_key_of_ones_own_does_not_hold(desk):
    """The public half in the database counts for nothing: the master key has to open the private one."""
    await tamper(
        desk,
        "INSERT INTO issuer_keys (kid, public_jwk, sealed) SELECT 'forged', public_jwk, sealed FROM issuer_keys LIMIT 1; "
        "UPDATE audit_seals SET kid = 'forged' WHERE agency_id = $1 AND number = 2",
    )
    assert (await check(desk)).finding.flaw == "signature"
    await tamper(desk, "DELETE FROM issuer_keys WHERE kid = 'forged'")
    stranger = Sealer.from_master_key(base64.b64encode(os.urandom(32)).decode())
    verified = await verify_trail(desk.world.parts.database, stranger, desk.agency_id)
    assert (verified.finding.flaw, verified.finding.seal) == ("signature", 1)


async def test_a_row_slipped_in_with_an_old_date_is_named(desk):
    await desk.world.fetch(
        "INSERT INTO audit_entries (agency_id, id, at, actor, action, subject, details)"
        " VALUES ($1, gen_random_uuid(), now() - interval '1 day', 'mem_x', 'x', 'y', '{}')",
        desk.agency_id,
    )
    await seal(desk)
    assert (await check(desk)).finding.flaw == "inserted"


async def test_the_heads_are_published_signed_and_chained(desk):
    owner = desk.agency.owner
    page = await owner.call("GET", "/owner/v1/audit/heads?limit=2")
    rest = await owner.call("GET", f"/owner/v1/audit/heads?limit=2&after={page['next']}")
    heads = page["data"] + rest["data"]
    assert [head["number"] for head in heads] == [3, 2, 1]
    assert [head["previous"] for head in heads] == [heads[1]["root"], heads[2]["root"], None]
    protected, payload, _ = heads[0]["signature"].split(".")
    published = (await desk.world.http.get("/.well-known/jwks.json")).json()["keys"]
    assert _read(protected)["kid"] in [key["kid"] for key in published]
    assert _read(payload)["root"] == heads[0]["root"]


async def test_entries_are_read_in_order_by_who_and_what_by_owner_and_auditor_alone(desk):
    owner = desk.agency.owner
    page = await owner.call("GET", "/owner/v1/audit?action=client.changed&limit=4")
    rest = await owner.call("GET", f"/owner/v1/audit?action=client.changed&limit=4&after={page['next']}")
    entries = page["data"] + rest["data"]
    assert [entry["subject"] for entry in entries] == [desk.client.id] * 6
    assert entries == sorted(entries, key=lambda entry: entry["id"])
    auditor = await desk.agency.add_moderator(roles=["auditor"])
    of_client = await auditor.call("GET", f"/owner/v1/audit?client={desk.client.id}&from=2020-01-01T00:00:00Z")
    assert of_client["data"]
    assert (await auditor.call("GET", "/owner/v1/audit?to=2020-01-01T00:00:00Z"))["data"] == []
    assert (await desk.moderator.caller.ask("GET", "/owner/v1/audit")).status_code == 403


async def test_only_who_names_the_event_is_told_of_seals(desk):
    owner = desk.agency.owner
    for events in (None, ["audit.sealed"]):
        body = {"kind": "standard", "url": "http://127.0.0.1:9/x"} | ({"events": events} if events else {})
        await owner.call("POST", "/owner/v1/endpoints", body, 201)
    await seal(desk)
    [event] = await desk.fetch("SELECT id, body FROM events WHERE agency_id = $1 AND type = 'audit.sealed'")
    assert json.loads(event["body"])["data"]["agency"] == desk.agency.id
    [delivery] = await desk.world.fetch("SELECT endpoint_id FROM deliveries WHERE event_id = $1", event["id"])
    [named] = [one for one in (await owner.call("GET", "/owner/v1/endpoints"))["data"] if one["events"]]
    assert delivery["endpoint_id"] == read_id("end", named["id"])


async def test_who_looks_for_somebodys_items_leaves_an_entry_that_names_nobody(desk):
    await desk.moderator.caller.call("GET", f"/moderator/v1/items?client={desk.client.id}&author=u_secret")
    [entry] = (await desk.agency.owner.call("GET", "/owner/v1/audit?action=items.searched"))["data"]
    assert entry["actor"] == await desk.moderator.get_id()
    assert entry["details"] == {"by": ["author"], "items": 0}


def _read(part: str):
    return json.loads(base64.urlsafe_b64decode(part + "=="))
