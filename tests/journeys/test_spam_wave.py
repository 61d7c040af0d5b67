"""A spam wave is one rule: the same text by many authors, found within its first copies, and listed afterwards."""

from dataclasses import replace

from tests.support.desk import open_desk
from tests.support.rules import make_rule, make_rules
from tests.support.valkey import open_valkey
from veilleur.infra.counters import Counters
from veilleur_worker.drains import Drains

WAVE = make_rules(
    make_rule("wave", "item.letters >= 20", "counter('copies') >= 3"),
    counters={"copies": {"key": "item.near_dup", "distinct": "author.id", "window": "1d"}},
)
SPAM = "Huh, anyway check out this you[tube] channel: kobyoshi02"
SPELLINGS = (SPAM, SPAM.upper(), SPAM.replace(" ", "  "), f"{SPAM}!!!", SPAM.replace(",", " ..."))


async def test_a_wave_is_stopped_at_its_third_author_and_its_copies_can_be_listed(world):
    desk = await open_desk(world, WAVE)
    with open_valkey() as url:
        counters = Counters(url)
        drains = Drains(replace(world.worker, counters=counters))
        assert await drains.run("counters", desk.agency_id)
        receipts = []
        for number, text in enumerate(SPELLINGS):
            receipts.append(await desk.client.accept(text, author={"external_id": f"u{number}"}))
            await desk.client.accept(f"a comment of its own, number {'x' * number}", author={"external_id": "u9"})
            assert await drains.run("screening", desk.agency_id)
        await counters.close()
    verdicts = [(await desk.client.look(one["id"]))["decision"]["verdict"] for one in receipts]
    assert verdicts == ["allow", "allow", "remove", "remove", "remove"]
    path = f"{desk.client.base}/items/{receipts[1]['id']}/near-duplicates"
    first = await desk.agency.owner.call("GET", f"{path}?limit=3")
    rest = await desk.agency.owner.call("GET", f"{path}?limit=3&after={first['next']}")
    assert [one["id"] for one in first["data"] + rest["data"]] == [one["id"] for one in receipts]
    wave = first["wave"]
    assert (wave["items"], wave["authors"], wave["sources"]) == (5, 5, 1)
    assert wave["first_seen_at"] < wave["last_seen_at"]
    looks = await desk.agency.owner.call("GET", f"/owner/v1/audit?action=items.read&subject={receipts[1]['id']}")
    assert [one["details"]["items"] for one in looks["data"]] == [3, 2]
