"""Questions that name what does not exist are answered with what does, and blanks are no words."""

import pytest

from tests.api.refusals import read_pointers
from tests.support.desk import ASK_RULES, open_desk


@pytest.mark.parametrize(
    ("path", "pointer", "allowed"),
    [
        ("/owner/v1/cases?queue=nowhere", "/queue", "default"),
        ("/owner/v1/alarms?kind=queue.covered", "/kind", "queue.uncovered"),
        ("/owner/v1/usage/records?meter=items", "/meter", "items.received"),
        ("/owner/v1/deliveries?state=lost", "/state", "dead"),
    ],
)
async def test_an_unknown_filter_value_is_refused_with_what_is_allowed(shared_agency, path, pointer, allowed):
    answer = await shared_agency.owner.ask("GET", path)
    assert read_pointers(answer, 422, "invalid") == [pointer]
    assert allowed in answer.text


async def test_a_queue_that_does_not_exist_is_nothing_to_wait_for(world):
    desk = await open_desk(world)
    body = {"hold": 1, "wait": 20, "queues": ["default", "nowhere"]}
    answer = await desk.moderator.caller.ask("POST", "/moderator/v1/assignments", body)
    assert read_pointers(answer, 422, "invalid") == ["/queues/1"]
    assert "unscreened" in answer.json()["errors"][0]["hint"]


async def test_a_rule_that_never_was_is_not_reversed(world):
    desk = await open_desk(world, ASK_RULES)
    wanted = {"client": desk.client.id, "rules": ["bad", "bald"]}
    answer = await desk.agency.owner.ask("POST", "/owner/v1/reversals", {"filter": wanted, "dry_run": True})
    assert read_pointers(answer, 422, "invalid") == ["/filter/rules/1"]
    assert "doubts" in answer.json()["errors"][0]["hint"]


async def test_blank_notes_questions_and_reasons_are_refused(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    for how, body, pointer in (
        ("notes", {"text": " \n\t"}, "/text"),
        ("escalate", {"fence": held["fence"], "queue": "default", "note": " "}, "/note"),
        ("ask", {"fence": held["fence"], "question": "\u00a0"}, "/question"),
    ):
        path = f"/moderator/v1/assignments/{held['id']}/{how}"
        assert read_pointers(await desk.moderator.caller.ask("POST", path, body), 422, "invalid") == [pointer]
    case = f"/owner/v1/cases/{held['case']['id']}/close"
    assert read_pointers(await desk.agency.owner.ask("POST", case, {"reason": "  "}), 422, "invalid") == ["/reason"]
    stopped = await desk.agency.owner.ask("PUT", f"{desk.client.base}/automation", {"mode": "off", "reason": " "})
    assert read_pointers(stopped, 422, "invalid") == ["/reason"]
    decision = await desk.moderator.decide(held)
    path = f"/moderator/v1/decisions/{decision.json()['id']}/correct"
    corrected = await desk.moderator.caller.ask("POST", path, {"verdict": "allow", "reason": " "})
    assert read_pointers(corrected, 422, "invalid") == ["/reason"]
