"""The demo's moderators: look, decide, leave behind what is not theirs."""

import asyncio

import pytest

from tests.dev.fake_agency import NOW, FakeAgency, Naps, open_fake
from veilleur.dev.demo_credentials import DemoModerator
from veilleur.dev.demo_http import DemoError
from veilleur.dev.demo_moderators import Desk, work_shift
from veilleur.dev.demo_tally import Tally


async def run_shift(agency: FakeAgency, labels: dict, until) -> tuple[Desk, Naps]:
    naps, tally = Naps(), Tally(planned=0)
    async with open_fake(agency) as api:
        desk = Desk(api, labels, tally, look_s=lambda: 1.5, sleep=naps, now=lambda: NOW)
        shift = asyncio.create_task(work_shift(desk, DemoModerator("Ana", "token")))
        async with asyncio.timeout(5):
            while not until() and not shift.done():  # noqa: ASYNC110 - the fake agency is asked, it rings nobody
                await asyncio.sleep(0)
        shift.cancel()
        await asyncio.wait([shift])
        if not shift.cancelled():
            shift.result()
    return desk, naps


async def test_a_moderator_looks_then_decides_by_the_samples_label():
    agency = FakeAgency(queue=["tf-1.9", "tf-2.9"])

    desk, naps = await run_shift(agency, {"tf-1": "toxic", "tf-2": "clean"}, lambda: len(agency.decisions) == 2)

    assert agency.decisions["tf-1.9"]["policies"] == ["insult"]
    assert agency.decisions["tf-2.9"]["verdict"] == "allow"
    assert naps.asked[:2] == [1.5, 1.5]
    assert desk.busy == set()


async def test_the_guide_of_a_version_is_read_once():
    agency = FakeAgency(queue=["tf-1.9", "tf-2.9"])

    await run_shift(agency, {"tf-1": "toxic", "tf-2": "clean"}, lambda: len(agency.decisions) == 2)

    assert sum(path.endswith("/guide") for _, path, *_ in agency.requests) == 1


async def test_a_case_that_is_no_sample_is_put_back_undecided():
    agency = FakeAgency(queue=["mine-1", "tf-1.9"])

    await run_shift(agency, {"tf-1": "toxic"}, lambda: len(agency.decisions) == 1)

    assert agency.released == ["mine-1"]
    assert set(agency.decisions) == {"tf-1.9"}


async def test_a_case_past_its_due_time_is_counted_as_breached():
    agency = FakeAgency(queue=["late.9", "tf-1.9"])

    desk, _ = await run_shift(agency, {"late": "clean", "tf-1": "clean"}, lambda: len(agency.decisions) == 2)

    assert desk.tally.late_cases == {"cas_late.9"}


async def test_a_conflict_is_left_behind_and_another_refusal_stops_the_demo(monkeypatch):
    statuses = iter([409, 422])
    agency = FakeAgency(queue=["tf-1.9", "tf-2.9"])

    def settle(_agency, path, who, body):
        agency.held.pop(who)
        return next(statuses), {
            "detail": "not in the guide",
            "errors": [{"pointer": "/policies/0", "detail": "unknown"}],
        }

    monkeypatch.setattr(FakeAgency, "settle", settle)

    with pytest.raises(DemoError, match=r"Ana is refused: 422 not in the guide \(/policies/0: unknown\)"):
        await run_shift(agency, {"tf-1": "clean", "tf-2": "clean"}, lambda: False)
