"""Whether a client can go live, check by check."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support.desk import ASK_RULES, open_desk
from tests.support.receiver import open_receiver
from veilleur.domain.onboarding.readiness import Setup, check_readiness, is_ready
from veilleur.domain.review.needs import Abilities, QueueTerms
from veilleur.kernel.ids import new_id

READY = Setup(
    client_id=new_id(),
    languages=("fr", "en-GB"),
    sources=1,
    received=1,
    rule_errors=0,
    opens_at=datetime(2026, 11, 23, 8, tzinfo=UTC),
    queues=(QueueTerms(new_id(), "default"),),
    members=(Abilities(frozenset(), frozenset({"fr", "en"}), 1, None),),
    endpoints=1,
    pinged=1,
    actions={"hide": ("restrict", "unhide"), "warn": ("allow", None)},
    policies={"spam": "§ 3"},
)
FRENCH_ONLY = Abilities(frozenset(), frozenset({"fr"}), 1, None)


def test_a_client_that_has_everything_is_ready():
    checks = check_readiness(READY)
    assert [check.state for check in checks] == ["ok"] * 7
    assert is_ready(checks)
    assert str(checks[2].detail).endswith("2026-11-23T08:00:00Z")


@pytest.mark.parametrize(
    ("lacking", "code", "state"),
    [
        ({"sources": 0}, "source", "missing"),
        ({"received": 0}, "source", "missing"),
        ({"rule_errors": None}, "rules", "warning"),
        ({"rule_errors": 2}, "rules", "missing"),
        ({"opens_at": None}, "sla", "missing"),
        ({"members": ()}, "coverage", "missing"),
        ({"members": (FRENCH_ONLY,)}, "coverage", "missing"),
        ({"queues": (QueueTerms(new_id(), "law", frozenset({"law"})),)}, "coverage", "missing"),
        ({"queues": (QueueTerms(new_id(), "second", tier=2),)}, "coverage", "missing"),
        ({"endpoints": 0, "pinged": 0}, "callback", "warning"),
        ({"pinged": 0}, "callback", "missing"),
        ({"actions": {"ban": ("remove", None)}}, "undo", "warning"),
        ({"policies": {"spam": None}}, "terms", "warning"),
    ],
)
def test_what_is_lacking_is_named_and_can_be_mended(lacking, code, state):
    checks = check_readiness(replace(READY, **lacking))
    wanting = [check for check in checks if check.state != "ok"]
    assert [(check.code, check.state) for check in wanting] == [(code, state)]
    assert wanting[0].hint is not None
    assert is_ready(checks) is (state == "warning")


def test_the_gaps_name_queue_and_language():
    [check] = [one for one in check_readiness(replace(READY, members=(FRENCH_ONLY,))) if one.code == "coverage"]
    assert "default/en" in str(check.detail)


async def test_a_client_becomes_ready_step_by_step(world):
    desk = await open_desk(world, languages=["fr"])

    async def look(language="en"):
        path = f"{desk.client.base}/readiness"
        told = await desk.agency.owner.call("GET", path, status=200, accept_language=language)
        return told, {check["code"]: check["state"] for check in told["checks"]}

    told, states = await look()
    assert (told["ready"], states["source"], states["rules"], states["coverage"]) == (False, "missing", "warning", "ok")
    french, _ = await look("fr")
    assert french["checks"][0]["detail"] == "rien n'a encore été reçu de ce client"
    await desk.client.publish(ASK_RULES)
    await desk.receive(text="fine")
    async with open_receiver() as receiver:
        endpoint = await desk.client.add_endpoint(receiver.url)
        assert (await look())[1]["callback"] == "missing"
        await desk.agency.owner.call("POST", f"{desk.client.base}/endpoints/{endpoint['id']}/ping")
        await desk.world.drain()
    told, states = await look()
    assert told["ready"], told
    assert states["rules"] == "ok"


async def test_a_statement_of_reasons_refers_to_the_clause_and_speaks_french(world):
    desk = await open_desk(world, ASK_RULES)
    document = await desk.agency.owner.call("GET", f"{desk.client.base}/config")
    for policy in document["policies"]:
        policy["clause"] = "CGU, article 4"
    await desk.agency.owner.call("PUT", f"{desk.client.base}/config", {"policies": document["policies"]}, 200)
    [item] = await desk.receive(text="bad", language="fr")
    reason = (await desk.client.look(item))["decision"]["reason"]
    assert reason == {
        "text": "Ce contenu enfreint nos règles : Insulte", "language": "fr", "ground": "terms",
        "reference": "CGU, article 4",
    }  # fmt: skip
