"""The agency's moderators, played on the public API: claim a case, look at it as long as a human would, decide.

They know the right answer because the samples carry the annotator's label. A case that is not of the samples belongs to
whoever sent it: it is put back at once and left to them.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from veilleur.dev.demo_credentials import DemoModerator
from veilleur.dev.demo_guide import Guide, Ruling, choose_decision, read_guide
from veilleur.dev.demo_http import DemoError, Sleep, call_patiently, describe_refusal
from veilleur.dev.demo_samples import Label, find_sample_id
from veilleur.dev.demo_tally import Tally
from veilleur.kernel import clock

_WAIT_S = 10
_LEAVE_S = 3.0


@dataclass(slots=True)
class Desk:
    """What the moderators share. `look_s` draws how long one looks at a case; `busy` names who has one in hand."""

    api: httpx.AsyncClient
    labels: Mapping[str, Label]
    tally: Tally
    look_s: Callable[[], float]
    sleep: Sleep = asyncio.sleep
    now: Callable[[], datetime] = clock.now
    busy: set[str] = field(default_factory=set)
    guides: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


async def work_shift(desk: Desk, moderator: DemoModerator) -> None:
    """Claims and decides, one case at a time, until cancelled; `DemoError` when the API refuses what should work."""
    while True:
        body = {"hold": 1, "wait": _WAIT_S}
        response = await _post(desk, moderator, "/moderator/v1/assignments", body)
        if response.status_code != httpx.codes.OK:
            raise DemoError(f"{moderator.name} gets no work: {describe_refusal(response)}.")
        answer = response.json()
        for assignment in answer["assignments"]:
            await _handle_assignment(desk, moderator, assignment)
        if not answer["assignments"] and answer["reason"] != "empty":
            await desk.sleep(_LEAVE_S)  # a break or a limit: the answer came at once, asking again at once would spin


async def _handle_assignment(desk: Desk, moderator: DemoModerator, assignment: Mapping[str, Any]) -> None:
    label = desk.labels.get(find_sample_id(assignment["item"]["external_id"]))
    path = f"/moderator/v1/assignments/{assignment['id']}"
    if label is None:
        await _post(desk, moderator, f"{path}/release", {"fence": assignment["fence"]})
        await desk.sleep(_LEAVE_S)
        return
    desk.busy.add(moderator.name)
    try:
        ruling = choose_decision(label, await _fetch_guide(desk, moderator, assignment))
        await desk.sleep(desk.look_s())
        _note_lateness(desk, assignment["case"])
        response = await _post(desk, moderator, f"{path}/decision", encode_decision(assignment, ruling))
    finally:
        desk.busy.discard(moderator.name)
    # A conflict is daily life at a desk (deleted, edited, taken over): the next claim shows what became of the case.
    if response.status_code not in {httpx.codes.OK, httpx.codes.CREATED, httpx.codes.CONFLICT}:
        raise DemoError(f"A decision of {moderator.name} is refused: {describe_refusal(response)}.")


def encode_decision(assignment: Mapping[str, Any], ruling: Ruling) -> dict[str, object]:
    """The body of `POST …/decision`: with the fence and the revision that were looked at."""
    return {
        "fence": assignment["fence"],
        "revision": assignment["item"]["revision"],
        "verdict": ruling.verdict,
        "actions": [{"code": code, "target": "item"} for code in ruling.actions],
        "policies": list(ruling.policies),
    }


async def _fetch_guide(desk: Desk, moderator: DemoModerator, assignment: Mapping[str, Any]) -> Guide:
    """The client's guide in the version the assignment names, read once for all moderators."""
    client_id, allowed = assignment["client"]["id"], assignment["guide"]
    known_as = (client_id, str(allowed["version"]))
    if known_as not in desk.guides:
        headers = {"authorization": f"Bearer {moderator.token}"}
        path = f"/moderator/v1/clients/{client_id}/guide"
        response = await call_patiently(lambda: desk.api.get(path, headers=headers), sleep=desk.sleep)
        if response.status_code != httpx.codes.OK:
            raise DemoError(f"{moderator.name} can't read the guide: {describe_refusal(response)}.")
        desk.guides[known_as] = response.json()
    return read_guide(desk.guides[known_as], allowed)


def _note_lateness(desk: Desk, case: Mapping[str, Any]) -> None:
    due_at = case.get("due_at")
    if case.get("breached_at") or (due_at and datetime.fromisoformat(due_at) < desk.now()):
        desk.tally.late_cases.add(case["id"])


async def _post(desk: Desk, moderator: DemoModerator, path: str, body: Mapping[str, object]) -> httpx.Response:
    headers = {"authorization": f"Bearer {moderator.token}"}
    return await call_patiently(lambda: desk.api.post(path, json=dict(body), headers=headers), sleep=desk.sleep)
